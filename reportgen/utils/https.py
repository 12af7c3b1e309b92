"""What a server gives for an address, with redirects followed to allowed schemes alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from httpx2 import Response

HTTPS = frozenset({"https"})
TIMEOUT_S = 30
MOST_REDIRECTS = 10


@contextlib.contextmanager
def opened(url: str, schemes: frozenset[str]) -> Iterator[tuple[Response, str]]:
    """The answer behind redirects, its body not yet read, and the SHA-256 that Hugging Face names beside its own redirect, or "".

    Args:
        schemes: of the addresses that are asked, redirects too.

    Raises:
        OSError: another scheme, too many redirects, or the server says no.
        httpx2.HTTPError: no connection.
    """
    import httpx2 as httpx

    linked = ""
    # As it is: a compressed body would have another length and another hash.
    with httpx.Client(timeout=TIMEOUT_S, headers={"Accept-Encoding": "identity"}) as client:
        for _ in range(MOST_REDIRECTS):
            if httpx.URL(url).scheme not in schemes:
                raise OSError(f"{url} is not https")
            with client.stream("GET", url) as response:
                if response.next_request is None:
                    if response.status_code != httpx.codes.OK:
                        raise OSError(f"the server says {response.status_code} {response.reason_phrase}")
                    yield response, linked
                    return
                etag = response.headers.get("X-Linked-Etag", "").strip('"')
                linked = etag if len(etag) == 64 else linked
                url = str(response.next_request.url)
    raise OSError(f"more than {MOST_REDIRECTS} redirects")
