"""Prefect chooses the folder of its state when it is imported; for these tests it is their own."""

import os
import tempfile

os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="prefect-test-")
