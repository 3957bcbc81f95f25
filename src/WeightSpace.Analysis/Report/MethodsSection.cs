namespace WeightSpace.Analysis.Report;

/// <summary>How every number came about, and where the networks come from.</summary>
internal static class MethodsSection
{
    public static void Write(AnalysisResult result, TextWriter writer)
    {
        AnalysisSettings settings = result.Settings;
        writer.Write("<section id=\"methods\" class=\"methods\">\n<h2>Methods</h2>\n<ol>\n");
        void Item(string title, string text) => writer.Write($"<li><b>{title}</b> {text}</li>\n");
        Item("Views.", "Raw: all weights as they are. s(W): mean, variance and the 1st, 25th, 50th, 75th and 99th percentiles of each tensor, weights and biases apart (Sch\u00fcrholt et al., arXiv 2209.14764; after Unterthiner et al., arXiv 2002.11448). "
            + "Invariant: statistics over hidden units for each gate, input and output; quantiles of row and column norms and of hidden diagonals; cosines, alignments, and products of matrices along the layers; all are unchanged when hidden units are reordered (reconstructed; the symmetry is that of Git Re-Basin, arXiv 2209.04836). "
            + "Aligned: hidden units in the order that brings them nearest to a reference, the mean of the population aligned to its first network (weight matching: Ainsworth et al., arXiv 2209.04836). Spectral: singular values of each layer\u2019s matrices and of products of neighbouring layers. "
            + "Features of s(W), of the spectral and of the invariant view are divided by their standard deviation over the population before distances and principal components; raw and aligned weights are only centred. The linear classifier standardises every view within each training fold.");
        Item("Moments.", "Up to four steps at which every network has a checkpoint, spread over the schedule; each network\u2019s first checkpoint at or below the lowest held-out loss that all of them reached; and the end of training where that is another moment.");
        Item("Structure.", $"One centred Gram matrix for each moment and view gives distances, principal components (eigenvectors of X X<sup>T</sup>), k-means ({settings.KMeansStarts} starts) and hierarchical clustering (Ward, average linkage) cut at the number of groups. "
            + "ARI: Hubert and Arabie, 1985. AMI: Vinh, Epps and Bailey, 2010. Silhouette: Rousseeuw, 1987. Intervals of ARI and AMI: normal, from the jackknife that leaves out one initial seed at a time (Efron and Stein, 1981), clusters kept. Interval of the silhouette: bootstrap over initial seeds.");
        Item("Classifiers.", $"Multinomial logistic regression with an L2 penalty, and a random forest of {settings.Trees} trees (Breiman, 2001). {settings.Folds}-fold stratified cross-validation in which all networks with the same initial seed are in one fold: networks of different classes may start from the same weights, and a classifier that had seen one of them could recognise the start of the other instead of what it learned. "
            + "Interval: Wilson\u2019s, with the number of networks reduced by the design effect of shared initial seeds. It holds for these training sets; cross-validation has no unbiased estimate of its variance (Bengio and Grandvalet, 2004).");
        Item("Layers and learning curves.", "The linear classifier on the features of one layer alone, and on all features with ever fewer initial seeds to learn from; same folds, same held-out networks.");
        Item("Baselines.", $"Chance: always naming the largest group. Shuffled labels: the best score of a question is computed again {settings.Permutations} times with permuted labels, permuted within initial seeds where a seed has several labels (Ojala and Garriga, 2010); p = (1 + number as good) / (1 + permutations). "
            + "A conclusion asks more than the printed interval: its lower bound at the level 1 \u2212 0.05 / tries, because the score is the best of several tries (Bonferroni). Plain numbers: the same cross-validation and forest on the norm |w|, on the number of steps, on the held-out loss, and on training and held-out loss together.");
        Item("Twins.", "Distance: Euclidean. Ratio: mean distance of modified twins over mean distance of reorder twins, initial seeds that have both; intervals by bootstrap over initial seeds "
            + $"({settings.Resamples} resamples). Paired test: the signs of the differences of initial seeds are flipped at random; two-sided. Direction: mean cosine of displacements of different initial seeds under the same change and data seeds; interval by the jackknife over initial seeds.");
        Item("Tests of changed data.", "Twins: the mean cosine of displacements, one for each initial seed, under random signs of whole displacements (Fisher, 1935), one-sided. Groups that share no initial seed: the energy distance with permuted labels "
            + "(Sz\u00e9kely and Rizzo, 2013), and a classifier two-sample test (Lopez-Paz and Oquab, arXiv 1610.06545), binomial. Controls: reorder twins; two groups of clean networks. 999 permutations, 199 for each draw of a power curve.");
        Item("Randomness.", $"Everything random is drawn from seed {settings.Seed}; the same zoo gives the same report, byte for byte.");
        writer.Write("</ol>\n</section>\n<section id=\"provenance\">\n<h2>Provenance</h2>\n");
        if (result.Provenance.Count == 0)
            writer.Write("<p>Nothing is recorded about where these networks come from.</p>\n");
        else
            writer.Write($"<dl>{string.Concat(result.Provenance.Select(fact => $"<dt>{Html.Escape(fact.Name)}</dt><dd>{Html.Escape(fact.Value)}</dd>"))}</dl>\n");
        writer.Write("<p class=\"rule\">All numbers of this page, and more, are in <code>analysis.json</code> beside it.</p>\n</section>\n");
    }
}
