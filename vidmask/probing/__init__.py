"""Read-outs of frozen features: what an encoder knows, measured without training it any further.

Features are what somebody else computed; the same features give the same number.
"""

from vidmask.probing.attentive import Schedule
from vidmask.probing.effective_rank import rankme
from vidmask.probing.inputs import frame_differences, mean_pool, mean_std_max_pool, standardise
from vidmask.probing.linear import fit_linear_probe, linear_probe
from vidmask.probing.neighbours import knn
from vidmask.probing.of_features import LabelScores, ProbeOptions, check_features, probe_label

__all__ = [
    "LabelScores",
    "ProbeOptions",
    "Schedule",
    "check_features",
    "fit_linear_probe",
    "frame_differences",
    "knn",
    "linear_probe",
    "mean_pool",
    "mean_std_max_pool",
    "probe_label",
    "rankme",
    "standardise",
]
