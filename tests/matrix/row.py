"""A row of the matrix: one operation of the gateway's table in one way to ask for it, what it needs, and to whom it is open."""

import dataclasses

ACCOUNT = "000000000000"
HEADER_FORMS = ("header", "presigned")
S3_FORMS = ("header", "presigned", "header by host", "presigned by host")


@dataclasses.dataclass
class Row:
    """api, action: of the gateway's table (tests/matrix/operation_lines.c); of a path also method and path, in `at`.
    rights: (action, resource) that AWS's list names for it, each of which is needed and all of which together are enough.
    make: World -> Request; called again before each caller that may do it, so it also makes what is needed.
    status: of the answer to who may. root: whether root may of itself. sessions: whether temporary credentials may.
    open_to: "allowed", who has the rights; "known", whoever's signature is right; "all", whoever asks; "nobody".
    shows_nothing: Answer -> bool, in place of a denial, where the answer is 200 and has nothing in it."""

    api: str
    action: str
    make: object
    rights: tuple = ()
    status: int = 200
    name: str = ""
    at: str = ""
    root: bool = True
    sessions: bool = True
    open_to: str = "allowed"
    forms: tuple = S3_FORMS
    shows_nothing: object = None
    is_done: object = None  # Answer -> bool, beside the status

    def __str__(self):
        return " ".join(word for word in (self.api, self.action, self.at, self.name) if word)
