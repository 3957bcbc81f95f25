namespace WeightSpace.Networks;
public static unsafe class DropoutMask { public static void Fill(ulong seed, int layer, long firstSample, int samples, int places, int features, int stride, float keepScale, uint threshold, float* mask) { for(int i=0;i<places*features*stride;i++)mask[i]=1; } }
