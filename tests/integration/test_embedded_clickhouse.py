"""The embedded ClickHouse answers ordinary clients as a server does: a real process, a real folder, real sockets."""

import gzip
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import clickhouse_connect
import lz4.frame
import psutil
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

ROOT = Path(__file__).parents[2]
PATIENCE_SECS = 60
ONE_BLOCK = {"async_insert": 0}


@dataclass(frozen=True)
class Server:
    port: int
    process: subprocess.Popen[str]
    data: Path

    def ask(self, method="GET", body=None, headers=None, path="/", **arguments):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECS)
        try:
            connection.request(method, f"{path}?{urlencode(arguments)}" if arguments else path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def client(self) -> Client:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port)

    def rss_bytes(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "deploy.embedded.clickhouse", "--data", str(data), *options]


@contextmanager
def running(data: Path) -> Iterator[Server]:
    with subprocess.Popen(command(data, "--port", "0"), cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            ready = process.stderr.readline()
            assert "listens on" in ready, ready + process.stderr.read()
            yield Server(int(ready.rpartition(":")[2]), process, data)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_SECS)


def refused(data: Path, *options: str) -> str:
    ended = subprocess.run(
        command(data, *options), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECS, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    return ended.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("clickhouse")) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    connected = server.client()
    yield connected
    connected.close()


@pytest.fixture
def table(client: Client) -> str:
    name = f"t_{uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (id UInt64, name String) ENGINE = MergeTree ORDER BY id"
        " SETTINGS non_replicated_deduplication_window = 100"
    )
    return name


def json_rows(count: int) -> bytes:
    return "\n".join(json.dumps({"id": number, "name": f"n{number}"}) for number in range(count)).encode()


def test_ping_and_an_empty_request_answer_ok(server):
    assert server.ask(path="/ping")[2] == b"Ok.\n"
    assert server.ask()[2] == b"Ok.\n"
    assert server.ask(path="/nowhere")[0] == 404


def test_the_ordinary_client_finds_a_server(client):
    assert int(client.server_version.split(".")[0]) >= 26
    assert client.query("SELECT 1 + 1").result_rows == [(2,)]


async def test_the_ordinary_async_client_finds_a_server(server, table):
    client = await clickhouse_connect.get_async_client(host="127.0.0.1", port=server.port)
    try:
        await client.insert(table, [[1, "a"]], column_names=["id", "name"])
        assert (await client.query(f"SELECT * FROM {table}")).result_rows == [(1, "a")]
    finally:
        await client.close()


def test_typed_rows_come_back_as_they_went(client):
    name = f"t_{uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (at DateTime64(3, 'UTC'), total Decimal(18, 2), tags Array(LowCardinality(String)),"
        " scores Map(String, Int64), more JSON, note Nullable(String)) ENGINE = MergeTree ORDER BY at"
    )
    row = (datetime(2025, 3, 1, 12, 0, 0, 123000, UTC), Decimal("99.90"), ["a", "b"], {"x": 7}, {"k": {"v": 1}}, None)
    client.insert(name, [row], column_names=["at", "total", "tags", "scores", "more", "note"])
    rows = client.query(f"SELECT * FROM {name}", column_tzs={"at": "UTC"}).result_rows
    assert [(at.replace(tzinfo=UTC), *rest) for at, *rest in rows] == [row]


def test_a_repeated_insert_with_its_token_adds_nothing(client, table):
    settings = {**ONE_BLOCK, "insert_deduplication_token": "topic:0:0-99"}
    for _ in range(2):
        client.raw_insert(table, insert_block=json_rows(100), fmt="JSONEachRow", settings=settings)
    assert client.command(f"SELECT count() FROM {table}") == 100
    client.raw_insert(
        table,
        insert_block=json_rows(100),
        fmt="JSONEachRow",
        settings=settings | {"insert_deduplication_token": "topic:0:100-199"},
    )
    assert client.command(f"SELECT count() FROM {table}") == 200


def test_a_large_body_becomes_one_part(client, table):
    client.command(f"SYSTEM STOP MERGES {table}")
    summary = client.raw_insert(table, insert_block=json_rows(1_500_000), fmt="JSONEachRow", settings=ONE_BLOCK)
    assert summary.written_rows == 1_500_000
    assert client.query(f"SELECT rows FROM system.parts WHERE table = '{table}' AND active").result_rows == [(1_500_000,)]


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("JSONEachRow", b'{"id":1,"name":"a"}'),
        ("TabSeparated", b"1\ta\n"),
        ("CSV", b'1,"a"\n'),
        ("CSVWithNames", b"name,id\na,1\n"),
        ("RowBinary", b"\x01\0\0\0\0\0\0\0\x01a"),
        ("Native", b"\x02\x01\x02id\x06UInt64\x01\0\0\0\0\0\0\0\x04name\x06String\x01a"),
        ("Values", b"(1, 'a')"),
    ],
)
@pytest.mark.parametrize("place", ["url", "body"])
def test_every_insert_format_is_taken_from_the_body(server, client, table, form, body, place):
    insert = f"INSERT INTO {table} FORMAT {form}"
    if place == "url":
        status, headers, answer = server.ask("POST", body, query=insert)
    else:
        status, headers, answer = server.ask("POST", insert.encode() + b"\n" + body)
    assert (status, answer) == (200, b"")
    assert json.loads(headers["X-ClickHouse-Summary"])["written_rows"] == "1"
    assert client.query(f"SELECT * FROM {table}").result_rows == [(1, "a")]


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("lz4", lz4.frame.compress), ("zstd", zstd.compress)]
)
def test_coded_bodies_are_taken_whole_or_not_at_all(server, client, table, coding, compress):
    body = compress(json_rows(5)) + compress(b"\n" + json_rows(5))
    insert = {"query": f"INSERT INTO {table} FORMAT JSONEachRow"}
    status, _, answer = server.ask("POST", body[:-6], {"Content-Encoding": coding}, **insert)
    assert status == 400
    assert b"cut short" in answer
    assert server.ask("POST", body, {"Content-Encoding": coding}, **insert)[0] == 200
    assert client.command(f"SELECT count() FROM {table}") == 10


@pytest.mark.parametrize(
    ("coding", "decompress"), [("gzip", gzip.decompress), ("lz4", lz4.frame.decompress), ("zstd", zstd.decompress)]
)
@pytest.mark.parametrize("rows", [1, 100_000])
def test_answers_are_coded_as_the_client_asks(server, coding, decompress, rows):
    _, headers, answer = server.ask(headers={"Accept-Encoding": coding}, query=f"SELECT number FROM numbers({rows})")
    assert headers["Content-Encoding"] == coding
    assert len(decompress(answer).splitlines()) == rows


def test_a_body_that_does_not_parse_adds_nothing(client, table):
    with pytest.raises(DatabaseError, match="CANNOT_PARSE"):
        client.raw_insert(table, insert_block=json_rows(1000) + b"\n{oops", fmt="JSONEachRow", settings=ONE_BLOCK)
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_an_insert_whose_commit_fails_is_refused(client, table):
    client.command(f"CREATE MATERIALIZED VIEW {table}_v ENGINE = Null AS SELECT throwIf(id = 7) AS thrown FROM {table}")
    with pytest.raises(DatabaseError, match="code: 395"):
        client.raw_insert(table, insert_block=json_rows(10), fmt="JSONEachRow", settings=ONE_BLOCK)
    client.command(f"DROP VIEW {table}_v")


def test_settings_may_stand_before_the_format(server, client, table):
    named = f"INSERT INTO {table} SETTINGS insert_deduplication_token = 'x' FORMAT JSONEachRow"
    for _ in range(2):
        assert server.ask("POST", json_rows(3), query=named)[0] == 200
    assert client.command(f"SELECT count() FROM {table}") == 3


def test_parameters_are_values_and_never_sql(server, client, table):
    hostile = f"x'; DROP TABLE {table}; --\\"
    assert client.query("SELECT {a:String}, {b:Array(UInt8)}", parameters={"a": hostile, "b": [1, 2]}).result_rows == [
        (hostile, [1, 2])
    ]
    assert server.ask(query="SELECT {a:UInt8}", param_a="1 OR 1")[0] == 400
    assert server.ask(query="SELECT 1", max_threads=f"1; DROP TABLE {table}")[0] == 400
    assert server.ask(query="SELECT 1", **{"max_threads = 1, max_block_size": "1"})[0] == 404
    assert server.ask(query="SELECT 1", database=f"`; DROP TABLE {table}")[0] == 404
    assert server.ask(query="SELECT 1", default_format=f"TSV; DROP TABLE {table}")[0] == 404
    assert client.command(f"EXISTS TABLE {table}") == 1


def test_settings_and_database_hold_for_one_request(server, client):
    client.command("CREATE DATABASE IF NOT EXISTS other")
    query = "SELECT currentDatabase(), getSetting('max_threads')"
    assert server.ask(query=query, database="other", max_threads=1)[2] == b"other\t1\n"
    assert server.ask(headers={"X-ClickHouse-Database": "other"}, query=query)[2].startswith(b"other\t")
    assert server.ask(query=query)[2].startswith(b"default\t")


def test_a_get_cannot_write(server, table):
    status, headers, _ = server.ask(query=f"DROP TABLE {table}")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (403, "164")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT nope", 404, 47),
        ("SELECT * FROM nope", 404, 60),
        ("SELEC 1", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("", 400, 62),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 501, 48),
        ("SELECT 1 FORMAT Nope", 404, 73),
    ],
)
def test_errors_keep_the_engines_code(server, query, status, code):
    got, headers, answer = server.ask("POST", query.encode())
    assert (got, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert answer.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_the_ordinary_client_sees_the_code(client):
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM nope")
    assert caught.value.code == 60


def test_block_compression_is_refused_with_advice(server):
    status, _, answer = server.ask("POST", b"SELECT 1", compress=1)
    assert status == 501
    assert b"Accept-Encoding" in answer


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("SELECT 1 AS x FORMAT JSONEachRow", "JSONEachRow"),
        ("SELECT 'FORMAT CSV' AS x -- FORMAT CSV", "TabSeparated"),
        ("SELECT 1 AS format FORMAT JSON SETTINGS extremes = 1;", "JSON"),
        ("SHOW DATABASES FORMAT CSV", "CSV"),
        ("(SELECT 1) UNION ALL (SELECT 2)", "TabSeparated"),
        ("WITH 1 AS y SELECT y FORMAT CSVWithNames", "CSVWithNames"),
    ],
)
def test_the_format_clause_is_found_and_named(server, query, form):
    status, headers, _ = server.ask(query=query)
    assert (status, headers["X-ClickHouse-Format"]) == (200, form)


def test_headers_name_query_format_zone_and_summary(server):
    _, headers, _ = server.ask(query="SELECT 1", query_id="mine", default_format="JSON", session_id="s", user="u", role="r")
    assert headers["X-ClickHouse-Query-Id"] == "mine"
    assert headers["Content-Type"].startswith("application/json")
    assert headers["X-ClickHouse-Timezone"]
    assert headers["X-ClickHouse-Server-Display-Name"]
    assert json.loads(headers["X-ClickHouse-Summary"])["read_rows"] == "1"


def test_a_large_document_is_one_valid_document(server):
    _, _, answer = server.ask(query="SELECT number FROM numbers(200000) FORMAT JSON")
    document = json.loads(answer)
    assert document["rows"] == len(document["data"]) == 200_000


def test_a_large_result_streams_without_being_held(server):
    assert server.ask(query="SELECT * FROM numbers(1000000) FORMAT Native")[0] == 200
    before, highest, received = server.rss_bytes(), 0, 0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECS)
    connection.request("GET", "/?" + urlencode({"query": "SELECT * FROM numbers(50000000) FORMAT RowBinary"}))
    response = connection.getresponse()
    while chunk := response.read(4 << 20):
        received += len(chunk)
        highest = max(highest, server.rss_bytes())
    connection.close()
    assert received == 400_000_000
    assert highest - before < 150_000_000


def test_an_error_in_mid_stream_reaches_the_client(client):
    with (
        pytest.raises(StreamFailureError, match="395"),
        client.query_rows_stream("SELECT throwIf(number = 3000000) FROM numbers(5000000)") as rows,
    ):
        for _ in rows:
            pass


def test_an_error_in_mid_stream_leaves_the_answer_unfinished(server):
    with pytest.raises(http.client.IncompleteRead) as caught:
        server.ask(query="SELECT throwIf(number = 3000000) FROM numbers(5000000)")
    assert b"__exception__" in caught.value.partial


def test_waiting_for_the_end_turns_a_late_error_into_a_status(server):
    assert server.ask(query="SELECT throwIf(number = 3000000) FROM numbers(5000000)", wait_end_of_query=1)[0] == 500


def test_a_client_that_leaves_ends_its_query(server):
    query = urlencode({"query": "SELECT number FROM numbers(1000000000000)"})
    with socket.create_connection(("127.0.0.1", server.port)) as leaver:
        leaver.sendall(f"GET /?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        leaver.recv(1000)
    running_queries = (
        "SELECT count() FROM system.processes WHERE query LIKE '%1000000000000%' AND query NOT LIKE '%processes%'"
    )
    deadline = time.monotonic() + PATIENCE_SECS
    while server.ask(query=running_queries)[2] != b"0\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_read_runs_beside_an_insert(server, client, table):
    slow = "SELECT sleepEachRow(0.5), number FROM numbers(8) SETTINGS max_block_size = 1 FORMAT TSV"
    with ThreadPoolExecutor(1) as other:
        reading = other.submit(server.ask, query=slow)
        client.raw_insert(table, insert_block=json_rows(1000), fmt="JSONEachRow", settings=ONE_BLOCK)
        assert client.command(f"SELECT count() FROM {table}") == 1000
        assert not reading.done()
        assert len(reading.result()[2].splitlines()) == 8


def test_a_long_insert_does_not_block_reads_and_other_inserts(server, client, table):
    slow = f"INSERT INTO {table} SELECT number, toString(sleepEachRow(0.5)) FROM numbers(8) SETTINGS max_block_size = 1"
    with ThreadPoolExecutor(1) as other:
        writing = other.submit(server.ask, "POST", slow.encode())
        client.raw_insert(table, insert_block=b'{"id":9,"name":"x"}', fmt="JSONEachRow", settings=ONE_BLOCK)
        assert client.command(f"SELECT count() FROM {table} WHERE name = 'x'") == 1
        assert not writing.done()
        assert writing.result()[0] == 200
    assert client.command(f"SELECT count() FROM {table}") == 9


def test_readers_that_stall_do_not_hold_up_inserts(server, client, table):
    query = urlencode({"query": "SELECT number FROM numbers(1000000000000)"})
    stalled = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    try:
        for reader in stalled:
            reader.sendall(f"GET /?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        client.raw_insert(table, insert_block=json_rows(1000), fmt="JSONEachRow", settings=ONE_BLOCK)
    finally:
        for reader in stalled:
            reader.close()
    assert client.command(f"SELECT count() FROM {table}") == 1000


def test_native_blocks_carry_the_revision_that_a_client_names(server):
    query = "SELECT 7::UInt8 AS a, ['x']::Array(LowCardinality(String)) AS b, 'y' AS c"
    plain = server.ask(query=query, default_format="Native")[2]
    framed = server.ask(query=query, default_format="Native", client_protocol_version=54460)[2]
    info = b"\x01\x00\x02\xff\xff\xff\xff\x00"
    expected = plain
    for kind in (b"UInt8", b"Array(LowCardinality(String))", b"\x06String"):
        head, found, values = expected.partition(kind)
        expected = head + found + b"\x00" + values
    assert framed == info + expected


def test_web_pages_and_other_hosts_are_refused(server):
    assert server.ask(headers={"Origin": "http://evil.example"}, query="SELECT 1")[0] == 403
    assert server.ask(headers={"Host": "evil.example"}, query="SELECT 1")[0] == 403
    assert server.ask(headers={"Origin": "http://localhost:3000"}, query="SELECT 1")[0] == 200


def test_fields_of_a_form_are_arguments(server):
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % field
        for field in [(b"query", b"SELECT {a:String}"), (b"param_a", b"it's")]
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert server.ask("POST", body + b"--x--\r\n", headers, default_format="TSVRaw")[2] == b"it's\n"


def test_a_host_that_others_reach_is_refused(tmp_path):
    assert "--allow-remote" in refused(tmp_path, "--port", "0", "--host", "0.0.0.0")


def test_a_taken_port_is_named(server, tmp_path):
    assert f"port {server.port} on 127.0.0.1 is taken" in refused(tmp_path, "--port", str(server.port))


def test_a_folder_in_use_is_named_with_its_process(server):
    assert f"in use by process {server.process.pid}" in refused(server.data, "--port", "0")


def test_sigterm_finishes_what_runs_and_the_data_stay(tmp_path):
    with running(tmp_path / "data") as first, ThreadPoolExecutor(1) as other:
        first.ask("POST", b"CREATE TABLE kept (id UInt64) ENGINE = MergeTree ORDER BY id")
        slow = b"INSERT INTO kept SELECT number + sleepEachRow(0.5) FROM numbers(6) SETTINGS max_block_size = 1"
        writing = other.submit(first.ask, "POST", slow)
        while first.ask(query="SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO kept%'")[2] != b"1\n":
            time.sleep(0.05)
        first.process.send_signal(signal.SIGTERM)
        assert writing.result()[0] == 200
        assert first.process.wait(PATIENCE_SECS) == 0
    with running(tmp_path / "data") as second:
        assert second.ask(query="SELECT count() FROM kept")[2] == b"6\n"
