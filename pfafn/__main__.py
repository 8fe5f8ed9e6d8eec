"""`python -m pfafn`."""

from pfafn.cli import app

if __name__ == "__main__":
    app(prog_name="pfafn")
