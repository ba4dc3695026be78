"""`kedro run --pipelines extraction` against a real PostgreSQL server, as docs/operations.md describes it."""

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest

from project_copy import Project

pytestmark = pytest.mark.slow  # a database server and seven commands

SCHEMA = """
CREATE TABLE patients (id int PRIMARY KEY, hospital_number numeric(20), full_name text, birth_date date, sex text,
    updated_at timestamptz);
CREATE TABLE studies (id int PRIMARY KEY, patient_id int, encounter_id int, accession_number text,
    started_at timestamptz, modality text, body_part text, updated_at timestamptz);
CREATE TABLE images (id int PRIMARY KEY, study_id int, view_position text, file_path text, stored_at timestamptz);
CREATE TABLE diagnoses (encounter_id int, icd10 text, rank int, is_primary bool, updated_at timestamptz);
SET TIME ZONE 'UTC';
INSERT INTO patients VALUES (1, 79101234567890123, 'Nguyễn Văn Bí Mật', '1950-02-03', 'M', '2026-03-01 01:00'),
    (2, 12, 'Trần Thị Kín', '1960-02-03', 'F', '2026-03-01 01:00');
INSERT INTO studies VALUES (1, 1, 1, 'A1', '2026-02-28 17:30', 'DX', 'Chest PA', '2026-03-01 01:00'),
    (2, 2, 2, 'A2', '2026-03-01 02:00', 'CR', 'CHEST', '2026-03-01 01:00'),
    (3, 2, 2, 'A3', '2026-03-01 02:00', 'CR', 'HAND', '2026-03-01 01:00');
INSERT INTO images VALUES (1, 1, 'PA', E'\\\\\\\\pacs01\\\\images\\\\2026\\\\a1.png', '2026-03-01 01:00'),
    (2, 2, 'AP', E'D:\\\\images\\\\2026\\\\a2.png', '2026-03-01 01:00'), (3, 3, '', 'hand.png', '2026-03-01 01:00');
INSERT INTO diagnoses VALUES (1, 'J18.9', 1, true, '2026-03-01 01:00'), (1, 'J90', 2, false, '2026-03-01 01:00'),
    (1, 'I10', 3, false, '2026-03-01 01:00'), (2, 'J93', 1, true, '2026-03-01 01:00');
"""


class Server:
    """A PostgreSQL server on a free loopback port; its administrator has a password."""

    def __init__(self, programs: Path):
        self.programs, self.password = programs, f"p@ss/{secrets.token_hex(16)}"
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (self.folder / "password").write_text(self.password)
        if os.getuid() == 0:  # the server refuses to run as root
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, "postgres")

    def control(self, program: str, *arguments: str) -> None:
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*user, str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, timeout=120)

    def start(self) -> None:
        self.control("initdb", "-U", "admin", "-A", "scram-sha-256", f"--pwfile={self.folder}/password", "-E", "UTF8")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self.control("pg_ctl", "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def connect(self):
        import psycopg

        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="admin", password=self.password, dbname="postgres", autocommit=True
        )


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="psycopg is not installed (pip install lung_cxr[database])")
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed (pip install lung_cxr[database])")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("no PostgreSQL server is installed here (Debian package postgresql)")
    if os.getuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("a PostgreSQL server does not run as root, and there is no user postgres")
    made = Server(programs[-1].parent)
    try:
        made.start()
        with made.connect() as connection:
            connection.execute(SCHEMA)
        yield made
    finally:
        made.control("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(made.folder)


@pytest.fixture(scope="module")
def hospital(project, server, tmp_path_factory):
    """The project with the files that docs/operations.md shows."""
    made = Project(project, tmp_path_factory.mktemp("hospital"))
    local, share = made.folder / "conf/local", made.folder / "share"
    page = (project / "docs/operations.md").read_text(encoding="utf-8")
    section = page[page.index("## From a database") : page.index("## Backup and restore")]
    credentials, catalogue, parameters = (
        re.sub("(?m)^ {3}", "", block) for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    )
    address = f"127.0.0.1:{server.port}/postgres"
    credentials = credentials.replace("PASSWORD", server.password.replace("@", "%40").replace("/", "%2F"))
    credentials = re.sub(
        r"lung_cxr_reader|\?sslmode=require", lambda found: "admin" * (found[0][0] == "l"), credentials
    )
    (local / "credentials.yml").write_text(credentials.replace("ris.hospital.example:5432/ris", address))
    (local / "catalog_extraction.yml").write_text(catalogue)
    (local / "parameters_extraction.yml").write_text(parameters.replace("/mnt/pacs", str(share)))
    (local / "radiology.sql").write_text(re.search(r"```sql\n(.*?)```", section, re.DOTALL)[1])
    (share / "2026").mkdir(parents=True)
    for name in ("a1.png", "a2.png"):
        (share / "2026" / name).write_bytes(name.encode())
    return made


def snapshots(hospital) -> list[Path]:
    return sorted((hospital.folder / "data/01_raw/exports").glob("[!.]*"))


@pytest.fixture(scope="module")
def first(hospital):
    printed = hospital.kedro("run", "--pipelines", "extraction")
    assert "2 rows, 2 images" in printed
    return snapshots(hospital)[0], printed


def test_the_documented_query_gives_an_export(first):
    rows = pd.read_parquet(first[0] / "emr.parquet")
    assert rows.drop(columns="updated_at").to_dict("records") == [
        {
            "patient_id": "79101234567890123", "patient_name": "Nguyễn Văn Bí Mật", "birth_date": "1950-02-03",
            "sex": "M", "study_id": "A1", "exam_date": "2026-03-01 00:30:00", "view": "PA",
            "image_path": "2026/a1.png", "icd10_primary": "J18.9", "icd10_secondary": "J90;I10",
        },
        {
            "patient_id": "12", "patient_name": "Trần Thị Kín", "birth_date": "1960-02-03",
            "sex": "F", "study_id": "A2", "exam_date": "2026-03-01 09:00:00", "view": "AP",
            "image_path": "2026/a2.png", "icd10_primary": "J93", "icd10_secondary": "",
        },
    ]  # fmt: skip
    assert (first[0] / "2026/a1.png").read_bytes() == b"a1.png"


def test_only_new_and_corrected_rows_come_again(server, hospital, first):
    assert "Nothing new" in hospital.kedro("run", "--pipelines", "extraction")
    with server.connect() as connection:
        connection.execute("UPDATE diagnoses SET icd10 = 'A15.0', updated_at = '2026-03-05' WHERE icd10 = 'J93'")
    hospital.kedro("run", "--pipelines", "extraction")
    rows = pd.read_parquet(snapshots(hospital)[-1] / "emr.parquet")
    assert list(rows["icd10_primary"]) == ["A15.0"]


def test_the_password_is_in_no_output(server, hospital, first):
    credentials = hospital.folder / "conf/local/credentials.yml"
    right = credentials.read_text()
    try:
        credentials.write_text(right.replace("%40ss", "%40wrong"))
        refused = hospital.kedro("run", "--pipelines", "extraction", succeeds=False)
        credentials.write_text(re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", right))
        unreachable = hospital.kedro("run", "--pipelines", "extraction", succeeds=False)
    finally:
        credentials.write_text(right)
    assert "query radiology failed (OperationalError" in refused
    assert "query radiology failed (OperationalError" in unreachable
    secret = server.password.removeprefix("p@ss/")
    assert not any(secret in text for text in (first[1], refused, unreachable))


def test_a_killed_extraction_leaves_no_export(server, hospital, first):
    before = snapshots(hospital)
    with server.connect() as connection:
        connection.execute("UPDATE patients SET sex = 'F', updated_at = '2026-03-06'")
    image = hospital.folder / "share/2026/a2.png"
    os.truncate(image, 2**32)  # seconds to copy
    command = [sys.executable, "-m", "kedro", "run", "--pipelines", "extraction"]
    environment = {**os.environ, "PYTHONPATH": str(hospital.folder / "src")}
    with subprocess.Popen(command, cwd=hospital.folder, env=environment, stdout=subprocess.DEVNULL) as process:
        while not list((hospital.folder / "data/01_raw/exports").glob(".unfinished-*/2026/a2.png")):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    os.truncate(image, 6)
    assert snapshots(hospital) == before
    hospital.kedro("run", "--pipelines", "extraction")
    assert list((hospital.folder / "data/01_raw/exports").glob(".unfinished-*")) == []
    assert len(snapshots(hospital)) == len(before) + 1
    assert len(pd.read_parquet(snapshots(hospital)[-1] / "emr.parquet")) == 2
