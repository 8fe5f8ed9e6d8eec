"""MLflow's database keeps absolute paths of its artifacts: where both were moved, it is told so."""

import sqlite3
from contextlib import closing
from pathlib import Path

# Where it keeps them; a version's own source is models:/ID.
PATHS = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}


def lead(database: Path, old: str, new: str) -> None:
    """Lead all that names the folder of artifacts at the URI `old`, or what is in it, to `new`.

    Raises sqlite3.OperationalError if this user may not write the database.
    """
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        for table, column in PATHS.items():
            connection.execute(
                f"UPDATE {table} SET {column} = :new || substr({column}, length(:old) + 1) "
                f"WHERE {column} = :old OR substr({column}, 1, length(:old) + 1) = :old || '/'",
                {"old": old, "new": new},
            )
