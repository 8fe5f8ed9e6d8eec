"""What people read of a metric."""

import subprocess
import sys

import pytest

from pfafn.evaluation.metrics import ABOUT, DECISIVE, METRICS, known
from pfafn.evaluation.testset import PROTOCOLS


@pytest.mark.parametrize(
    ("name", "heading", "text"),
    [
        ("ssim", "SSIM ↑", "1.235"),
        ("psnr", "PSNR ↑ (dB)", "1.23"),
        ("psnr_clothes", "PSNR, clothes ↑ (dB)", "1.23"),
        ("iou", "Mask IoU ↑", "1.235"),
        ("epe", "Flow error ↓ (px)", "1.23"),
    ],
)
def test_a_metric_says_which_direction_is_better_and_has_enough_digits(name, heading, text):
    assert METRICS[name].heading == heading
    assert METRICS[name].text(1.23456) == text
    assert METRICS[name].text(None) == "–" and METRICS[name].text(0.0).startswith("0.0")


def test_what_ranks_students_is_the_clothes_where_the_truth_is_known_before_the_paired_photo():
    assert DECISIVE == ("unpaired.psnr_clothes", "paired.ssim")


def test_every_protocol_is_explained():
    assert set(ABOUT) == set(PROTOCOLS)


def test_a_metric_is_shown_if_any_model_has_a_score_of_it():
    assert list(known({"student": {"psnr": 12.3}, "person": {"ssim": 0.2}})) == ["ssim", "psnr"]


def test_a_report_is_made_without_loading_torch():
    code = "import sys, pfafn.evaluation.report; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
