"""What scikit-learn and scipy answer on the data of one folder, as JSON on standard output.

The folder holds x.f32 (float32, row-major [rows, columns]) and request.json: rows, columns, components, clusters, testRows,
trees, labels, other. "labels" are the true classes and "other" a second labelling.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, silhouette_samples
from sklearn.preprocessing import StandardScaler

folder = pathlib.Path(sys.argv[1])
request = json.loads((folder / "request.json").read_text())
x = np.fromfile(folder / "x.f32", dtype=np.float32).reshape(request["rows"], request["columns"]).astype(np.float64)
labels, other = np.array(request["labels"]), np.array(request["other"])

pca = PCA(n_components=request["components"], svd_solver="full").fit(x)
distances = pdist(x)
merges = {method: linkage(distances, method) for method in ("ward", "average")}
kmeans = KMeans(n_clusters=request["clusters"], n_init=10, random_state=0).fit(x)

test = np.zeros(len(x), dtype=bool)
test[request["testRows"]] = True
scaler = StandardScaler().fit(x[~test])
train_x, test_x, train_y = scaler.transform(x[~test]), scaler.transform(x[test]), labels[~test]
with warnings.catch_warnings():
    warnings.simplefilter("error")  # a fit that did not converge is no reference
    logistic = LogisticRegression(C=1.0, tol=1e-6, max_iter=10000).fit(train_x, train_y)
column = np.searchsorted(logistic.classes_, train_y)
loss = -logistic.predict_log_proba(train_x)[np.arange(len(train_y)), column].sum() + (logistic.coef_ ** 2).sum() / 2
forest = RandomForestClassifier(n_estimators=request["trees"], random_state=0).fit(x[~test], train_y)

json.dump({
    "variances": pca.explained_variance_.tolist(),
    "shares": pca.explained_variance_ratio_.tolist(),
    "scores": pca.transform(x).ravel().tolist(),
    "ari": adjusted_rand_score(labels, other),
    "ami": adjusted_mutual_info_score(labels, other),
    "silhouettes": silhouette_samples(x, other).tolist(),
    "wardMerges": merges["ward"].ravel().tolist(),
    "averageMerges": merges["average"].ravel().tolist(),
    "inertia": float(kmeans.inertia_),
    "logisticPredicted": logistic.predict(test_x).tolist(),
    "logisticProbabilities": logistic.predict_proba(test_x).ravel().tolist(),
    "logisticObjective": float(loss),
    "forestAccuracy": float(forest.score(x[test], labels[test])),
    "standardised": StandardScaler().fit_transform(x)[0].tolist(),
}, sys.stdout)
