"""What scikit-learn and scipy take for the parts of a map of many networks: each as its user would call it.

    sklearn_map.py data ROWS COLUMNS FILE     writes planted rows (float32, row-major) to FILE, their classes (int32) to FILE.labels
    sklearn_map.py run ROWS COLUMNS FILE      principal components, k-means, Ward's tree, silhouette, nearest neighbours: seconds, sum, peak memory

The rows: five classes whose centres are 0.3 apart in every column, 64 directions of falling variance, noise of variance 1. Reading the file is in no number, but the rows
are in memory and count for the peak. Threads are those of OMP_NUM_THREADS and OPENBLAS_NUM_THREADS.
"""
import resource
import sys
import time

import numpy as np

COMPONENTS, CLUSTERS, STARTS, NEIGHBOURS = 50, 5, 10, 10


def planted(rows, columns):
    random = np.random.default_rng(0)
    classes = random.integers(0, CLUSTERS, rows)
    x = random.standard_normal((rows, columns), dtype=np.float32)
    x += 0.3 * random.standard_normal((CLUSTERS, columns), dtype=np.float32)[classes]
    strength = 4 * np.exp(-np.arange(64, dtype=np.float32) / 16)
    x += (random.standard_normal((rows, 64), dtype=np.float32) * strength) @ (random.standard_normal((64, columns), dtype=np.float32) / 8)
    return x, classes.astype(np.int32)


def main():
    mode, rows, columns, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if mode == "data":
        x, classes = planted(rows, columns)
        x.tofile(path)
        classes.tofile(path + ".labels")
        return
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import euclidean_distances, silhouette_score
    from sklearn.neighbors import NearestNeighbors

    x = np.fromfile(path, dtype=np.float32).reshape(rows, columns)
    classes = np.fromfile(path + ".labels", dtype=np.int32)

    def components():
        fitted = PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(x)
        fitted.transform(x)
        return f"variance1={fitted.explained_variance_[0]:.6g} variance50={fitted.explained_variance_[-1]:.6g}"

    def tree():
        distances = euclidean_distances(x)
        np.fill_diagonal(distances, 0)
        return f"ward={linkage(squareform(distances, checks=False), 'ward')[-1, 2]:.9g}"

    def neighbours():
        return f"neighbour={NearestNeighbors(n_neighbors=NEIGHBOURS).fit(x).kneighbors()[0][-1, -1]:.7g}"

    parts = {
        "principal components": components,
        "k-means": lambda: f"inertia={KMeans(CLUSTERS, n_init=STARTS, random_state=0).fit(x).inertia_:.9g}",
        "tree": tree,
        "silhouettes": lambda: f"silhouette={silhouette_score(x, classes):.6g}",
        "neighbours": neighbours,
    }
    total, cores, said = 0.0, 0.0, []
    for name, work in parts.items():
        start, used = time.perf_counter(), time.process_time()
        said.append(work())
        seconds, used = time.perf_counter() - start, time.process_time() - used
        total, cores = total + seconds, cores + used
        print(f"{name:28s} {seconds:8.2f} s  {used:8.2f} s of cores", flush=True)
    print(f"{'sum':28s} {total:8.2f} s  {cores:8.2f} s of cores   peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    print(" ".join(said))


if __name__ == "__main__":
    main()
