"""An object is replaced only in the state in which it was read."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stemtide.store.model_pointers import Champion, Held, Pointers

from tests.local_cloud.emulator_process import Emulator

PROMOTIONS = 8


def bucket(emulator: Emulator, name: str) -> Any:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=name)
    return s3


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_if_match_holds_only_for_the_object_that_was_read(emulator: Emulator) -> None:
    """ "If the ETag values do not match, the operation returns a 412 Precondition Failed error."
    (PutObject, `If-Match`)"""
    s3 = bucket(emulator, "if-match")
    read = s3.put_object(Bucket="if-match", Key="k", Body=b"1")["ETag"]
    s3.put_object(Bucket="if-match", Key="k", Body=b"2", IfMatch=read)

    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="if-match", Key="k", Body=b"3", IfMatch=read)

    assert code(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket="if-match", Key="k")["Body"].read() == b"2"


def test_if_none_match_holds_only_where_there_is_no_object(emulator: Emulator) -> None:
    """ "Uploads the object only if the object key name does not already exist in the bucket specified.
    Otherwise, Amazon S3 returns a 412 Precondition Failed error." (PutObject, `If-None-Match`)"""
    s3 = bucket(emulator, "if-none-match")
    s3.put_object(Bucket="if-none-match", Key="k", Body=b"1", IfNoneMatch="*")

    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="if-none-match", Key="k", Body=b"2", IfNoneMatch="*")

    assert code(refused) == "PreconditionFailed"
    assert s3.get_object(Bucket="if-none-match", Key="k")["Body"].read() == b"1"


def test_of_promotions_at_once_each_is_the_next_ones_predecessor(emulator: Emulator) -> None:
    """However they meet, the champions form one chain in which none is missing."""
    bucket(emulator, "promotions")
    begin = threading.Barrier(PROMOTIONS)
    moved: list[Champion] = []

    def promote(number: int) -> None:
        pointers = Pointers(emulator.client("s3"), "promotions")
        begin.wait()

        def change(held: Held[Champion]) -> Champion:
            before = None if held.pointer is None else held.pointer.version
            return Champion(version=f"v{number}", promoted_at="2026-01-01T00:00:00.000Z", previous=before)

        while True:  # as people do who are told that others kept moving it
            try:
                moved.append(pointers.move_champion("churn", change)[0])
            except ValueError:
                continue
            return

    with ThreadPoolExecutor(PROMOTIONS) as pool:
        list(pool.map(promote, range(PROMOTIONS)))

    s3 = emulator.client("s3")
    last = json.loads(s3.get_object(Bucket="promotions", Key="churn/champion.json")["Body"].read())
    predecessors = [one.previous for one in moved]
    assert len(set(predecessors)) == PROMOTIONS
    assert {one.version for one in moved} - set(predecessors) == {last["version"]}
    assert None in predecessors
