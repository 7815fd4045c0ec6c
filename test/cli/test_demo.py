"""The demo, short: three processes over DDS, a report and a contact sheet."""

import json
import os
import subprocess
import sys

import cv2


def test_demo_reports_every_phase(tmp_path, domain):
    command = [sys.executable, "-m", "fourier_depth_ros.cli.main", "demo"]
    options = ["--out", str(tmp_path / "demo"), "--seconds", "3", "--rate", "5"]
    done = subprocess.run(
        [*command, *options], check=False, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert [phase["crop_ratios"] for phase in report["phases"]][:2] == [[1.0], [1.0, 0.85, 0.7]]
    for phase in report["phases"]:
        assert 0 < phase["frames_out"] <= phase["frames_in"]
        assert 0 < phase["age_ms_p50"] <= phase["age_ms_p95"]
        assert 0 < phase["abs_rel_median_scaled"] < 0.5
    assert cv2.imread(str(tmp_path / "demo" / "contact_sheet.png")).shape[1] > 1000
    assert "Traceback" not in done.stderr
