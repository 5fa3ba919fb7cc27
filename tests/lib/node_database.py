"""A stopped node's database, by RocksDB's own library: the replica of the metadata in it, by itself."""

import contextlib
import ctypes
import ctypes.util
import os

FAMILY = b"metadata"  # of storage/node/small_store.c


def _library():
    library = ctypes.CDLL(ctypes.util.find_library("rocksdb"))
    for name in ("rocksdb_options_create", "rocksdb_open_column_families", "rocksdb_list_column_families", "rocksdb_livefiles"):
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("rocksdb_livefiles_name", "rocksdb_livefiles_column_family_name"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


def _check(error):
    if error.value:
        raise RuntimeError(error.value.decode())


@contextlib.contextmanager
def _opened(path):
    """The library, the database, and its families by name."""
    library = _library()
    error, count = ctypes.c_char_p(), ctypes.c_size_t()
    options = ctypes.c_void_p(library.rocksdb_options_create())
    place = os.fsencode(path)
    listed = library.rocksdb_list_column_families(options, place, ctypes.byref(count), ctypes.byref(error))
    _check(error)
    listed = ctypes.cast(listed, ctypes.POINTER(ctypes.c_char_p))
    names = [listed[i] for i in range(count.value)]
    handles = (ctypes.c_void_p * len(names))()
    database = ctypes.c_void_p(library.rocksdb_open_column_families(
        options, place, len(names), (ctypes.c_char_p * len(names))(*names),
        (ctypes.c_void_p * len(names))(*[options.value] * len(names)), handles, ctypes.byref(error)))
    _check(error)
    try:
        yield library, database, dict(zip(names, (ctypes.c_void_p(handle) for handle in handles)))
    finally:
        for handle in handles:
            library.rocksdb_column_family_handle_destroy(ctypes.c_void_p(handle))
        library.rocksdb_close(database)
        library.rocksdb_options_destroy(options)


def forget_replica(path):
    """The node holds nothing of the metadata any more, and does not know that it ever did; its chunks stay."""
    error = ctypes.c_char_p()
    with _opened(path) as (library, database, families):
        library.rocksdb_drop_column_family(database, families[FAMILY], ctypes.byref(error))
        _check(error)


def replica_tables(path):
    """The paths of the table files in which the replica's rows are; those that only its log has become a table, too."""
    with _opened(path) as (library, database, _):
        files = ctypes.c_void_p(library.rocksdb_livefiles(database))
        found = [library.rocksdb_livefiles_name(files, i).decode().lstrip("/")
                 for i in range(library.rocksdb_livefiles_count(files))
                 if library.rocksdb_livefiles_column_family_name(files, i) == FAMILY]
        library.rocksdb_livefiles_destroy(files)
    return [os.path.join(path, name) for name in found]
