"""Which pages of other sites may ask."""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_DAY_SECONDS = 86_400


def shared_with(origins: Collection[str]) -> Callable[[ASGIApp], ASGIApp]:
    """How an application is shared with the pages of some origins (the CORS protocol of the Fetch standard).

    Args:
        origins: as browsers write them; `*` among them for all; none for an application that stays as it is.
    """

    def share(app: ASGIApp) -> ASGIApp:
        if not origins:
            return app
        return CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type"),
            allow_credentials=False,
            expose_headers=("Retry-After", "X-Request-Id"),
            max_age=_DAY_SECONDS,
        )

    return share
