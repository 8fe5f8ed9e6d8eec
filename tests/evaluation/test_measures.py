"""What people read of an evaluation."""

import subprocess
import sys

from pfafn.evaluation.metrics import ABOUT, METRICS, MODELS, NAMES, TITLES, number, table
from pfafn.evaluation.testset import PROTOCOLS


def test_everything_that_is_measured_has_a_name_and_enough_digits():
    assert set(TITLES) == set(METRICS)
    assert set(NAMES) == set(MODELS)
    assert set(ABOUT) == set(PROTOCOLS)
    assert [number(name, 1.23456) for name in METRICS] == ["1.235", "1.23", "1.23", "1.235", "1.23"]


def test_a_table_has_the_metrics_that_any_model_has_and_a_dash_where_one_has_not():
    shown, rows = table({"student": {"psnr": 12.345, "ssim": 0.5}, "person": {"ssim": 0.25}})
    assert shown == ["ssim", "psnr"]
    assert rows == {
        "tutor": ["–", "–"],
        "student": ["0.500", "12.35"],
        "person": ["0.250", "–"],
        "torso_box": ["–", "–"],
    }


def test_a_report_is_made_without_loading_torch():
    code = "import sys, pfafn.evaluation.markdown; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
