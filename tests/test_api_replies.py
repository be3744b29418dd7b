from __future__ import annotations

from starlette.responses import Response

from qa_service.api import replies
from qa_service.api.schemas import Ready


def test_json_is_what_the_framework_makes() -> None:
    """A response of JSON holds what the framework's own does."""
    for body in (b"", b"{}", b"x" * 12345):
        made = vars(replies.Json(body))
        assert made == {
            name: value for name, value in vars(Response(body, media_type=replies.JSON)).items() if name in made
        }
        assert set(vars(Response(body))) == set(made)


def test_a_model_as_json() -> None:
    """A model is sent as it writes itself."""
    response = replies.json(Ready(status="ready", index_version="v-1", refused=None))
    assert response.body == b'{"status":"ready","index_version":"v-1","refused":null}'
    assert response.headers["content-type"] == "application/json"
    response.headers["x-more"] = "1"
    assert (b"x-more", b"1") in response.raw_headers
