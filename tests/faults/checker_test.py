"""The checker accepts what a correct store may do, and finds each way in which one may be wrong."""

import unittest

import checker
import content
from history import ABSENT, DELETE, FAILED, GET, LIST, MAYBE, OK, PRESENT, PUT, History, Operation


def put(value, start, end, outcome=OK, key="k"):
    return Operation(PUT, key, value, start, end, outcome)


def delete(start, end, outcome=OK, key="k"):
    return Operation(DELETE, key, ABSENT, start, end, outcome)


def get(value, start, end, outcome=OK, key="k", kind=GET, final=False, problem=""):
    return Operation(kind, key, value, start, end, outcome, final=final, problem=problem)


class Allowed(unittest.TestCase):
    def assert_good(self, *operations):
        self.assertEqual([str(v) for v in checker.check(operations)], [])

    def test_sequence(self):
        self.assert_good(get(ABSENT, 0, 1), put(1, 2, 3), get(1, 4, 5), put(2, 6, 7), get(2, 8, 9), delete(10, 11),
                         get(ABSENT, 12, 13), put(3, 14, 15), get(3, 16, 17, kind=LIST))

    def test_read_during_write_sees_either(self):
        self.assert_good(put(1, 0, 1), put(2, 2, 6), get(1, 3, 4), get(2, 5, 7))
        self.assert_good(put(1, 0, 1), put(2, 2, 6), get(2, 3, 4))
        self.assert_good(put(1, 0, 4), get(ABSENT, 1, 2), get(1, 3, 5))

    def test_concurrent_writes_end_in_either_order(self):
        self.assert_good(put(1, 0, 5), put(2, 1, 4), get(1, 6, 7))
        self.assert_good(put(1, 0, 5), put(2, 1, 4), get(2, 6, 7))
        self.assert_good(put(1, 0, 5), delete(1, 4), get(1, 6, 7))
        self.assert_good(put(1, 0, 5), delete(1, 4), get(ABSENT, 6, 7))

    def test_maybe_write_is_seen_or_not_or_late(self):
        self.assert_good(put(1, 0, 1), put(2, 2, 3, MAYBE), get(1, 4, 5))
        self.assert_good(put(1, 0, 1), put(2, 2, 3, MAYBE), get(2, 4, 5))
        self.assert_good(put(1, 0, 1), put(2, 2, 3, MAYBE), get(1, 4, 5), get(2, 6, 7))

    def test_maybe_delete(self):
        self.assert_good(put(1, 0, 1), delete(2, 3, MAYBE), get(1, 4, 5))
        self.assert_good(put(1, 0, 1), delete(2, 3, MAYBE), get(1, 4, 5), get(ABSENT, 6, 7))

    def test_failed_operations_have_no_effect(self):
        self.assert_good(put(1, 0, 1), put(2, 2, 3, FAILED), delete(4, 5, FAILED), get(1, 6, 7),
                         get(None, 8, 9, FAILED))

    def test_presence(self):
        self.assert_good(put(1, 0, 1), get(PRESENT, 2, 3, kind=LIST))
        self.assert_good(put(1, 0, 1), delete(2, 3), put(2, 4, 8, MAYBE), get(PRESENT, 9, 10, kind=LIST))

    def test_keys_are_apart(self):
        self.assert_good(put(1, 0, 1, key="a"), put(2, 2, 3, key="b"), get(1, 4, 5, key="a"), get(2, 4, 5, key="b"))


class Forbidden(unittest.TestCase):
    def assert_found(self, category, *operations):
        violations = checker.check(operations)
        self.assertIn(category, [v.category for v in violations], [str(v) for v in violations])

    def test_lost_write(self):
        self.assert_found(checker.LOST, put(1, 0, 1), get(ABSENT, 2, 3))
        self.assert_found(checker.LOST, put(1, 0, 1), get(ABSENT, 2, 3, kind=LIST))
        self.assert_found(checker.LOST, delete(0, 1), put(1, 2, 3), get(ABSENT, 4, 5))

    def test_write_lost_for_a_time(self):
        self.assert_found(checker.LOST, delete(0, 9, MAYBE), put(1, 1, 2), get(ABSENT, 3, 4), get(1, 5, 6))

    def test_lost_overwrite(self):
        self.assert_found(checker.STALE, put(1, 0, 1), put(2, 2, 3), get(1, 4, 5))
        self.assert_found(checker.LOST, put(1, 0, 1), put(2, 2, 3), get(1, 4, 5, final=True))

    def test_unreadable_at_the_end(self):
        self.assert_found(checker.LOST, put(1, 0, 1), get(None, 2, 3, FAILED, final=True))

    def test_older_value_after_a_newer_one_was_read(self):
        self.assert_found(checker.STALE, put(1, 0, 1), put(2, 2, 9), get(2, 3, 4), get(1, 5, 6))
        self.assert_found(checker.STALE, put(1, 0, 1), put(2, 2, 3, MAYBE), get(2, 4, 5), get(1, 6, 7))

    def test_flapping_between_concurrent_writes(self):
        self.assert_found(checker.STALE, put(1, 0, 9), put(2, 0, 9), get(1, 1, 2), get(2, 3, 4), get(1, 5, 6))

    def test_resurrected(self):
        self.assert_found(checker.RESURRECTED, put(1, 0, 1), delete(2, 3), get(1, 4, 5))
        self.assert_found(checker.RESURRECTED, put(1, 0, 1), delete(2, 3), get(1, 4, 5, kind=LIST))
        self.assert_found(checker.RESURRECTED, put(1, 0, 1), delete(2, 3), get(PRESENT, 4, 5, kind=LIST))
        self.assert_found(checker.RESURRECTED, put(1, 0, 9, MAYBE), get(1, 1, 2), delete(3, 4), get(1, 5, 6))

    def test_refused_write_is_there(self):
        self.assert_found(checker.PHANTOM, put(1, 0, 1, FAILED), get(1, 2, 3))

    def test_read_before_it_was_written(self):
        self.assert_found(checker.PHANTOM, get(1, 0, 1), put(1, 2, 3))

    def test_wrong_bytes(self):
        self.assert_found(checker.MIXED, put(1, 0, 1), get(1, 2, 3, problem="damaged byte at 7"))
        self.assert_found(checker.MIXED, put(1, 0, 1), get(None, 2, 3, FAILED, problem="damaged byte at 7"))
        self.assert_found(checker.MIXED, put(1, 0, 1), get(99, 2, 3))


class Judging(unittest.TestCase):
    """History.judge, which turns bytes into a value."""

    def setUp(self):
        self.history = History()
        self.first = self.history.new_write("k", 20000)
        self.second = self.history.new_write("k", 20000)
        self.other = self.history.new_write("l", 20000)
        self.data = content.make(self.first, "k", 20000)

    def test_right_bytes(self):
        self.assertEqual(self.history.judge("k", self.data), (self.first, ""))
        self.assertEqual(self.history.judge("k", self.data[5000:15000], 5000, False), (self.first, ""))

    def test_mixed_bytes(self):
        mixed = self.data[:8192] + content.make(self.second, "k", 20000)[8192:]
        self.assertRegex(self.history.judge("k", mixed)[1], r"^at 8207: block of write 2")
        swapped = self.data[:4096] + self.data[8192:12288] + self.data[4096:8192] + self.data[12288:]
        self.assertIn("offset 8192", self.history.judge("k", swapped)[1])

    def test_damaged_and_short_bytes(self):
        damaged = bytearray(self.data)
        damaged[9000] ^= 1
        self.assertEqual(self.history.judge("k", bytes(damaged))[1], "damaged byte at 9000")
        self.assertEqual(self.history.judge("k", self.data[:-1])[1], "19999 bytes instead of 20000")
        self.assertEqual(self.history.judge("k", b"x" * 20000), (None, "bytes that nobody wrote"))

    def test_bytes_of_another_key(self):
        self.assertEqual(self.history.judge("k", content.make(self.other, "l", 20000)), (None, "bytes of l"))

    def test_range_of_another_place(self):
        self.assertIn("offset 8192", self.history.judge("k", self.data[8192:16384], 4096, False)[1])

    def test_headers_of_another_write(self):
        self.history.set_etag(self.first, "a")
        self.assertEqual(self.history.judge("k", self.data, etag="b")[1], "ETag b with the bytes of a")


if __name__ == "__main__":
    unittest.main()
