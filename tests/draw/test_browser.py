"""The interactive picture in a real browser, offline.  Skipped without Playwright and a Chromium."""

from __future__ import annotations

import shutil

import pytest

from autograd import draw

from .graphs import Builder, hostile, transformer
from .test_pictures import stats

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
LONG = 120_000  # milliseconds, after which nothing will come any more, however busy the machine is


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=LONG)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Open HTML text offline; whatever the page asks the network for, and any error of its scripts, fails the test."""
    problems, contexts = [], []

    def opened(html: str, scripts: bool = True, **options):
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(java_script_enabled=scripts, viewport={"width": 1000, "height": 800}, **options)
        contexts.append(context)
        context.set_default_timeout(LONG)
        context.set_offline(True)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else problems.append(r.url))
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def learnt():
    """Two layers, with values and gradients: all switches have something to show."""
    b = Builder()
    x = b.input()
    for i in range(3):
        with b.module(f"layers.{i}", "Layer"):
            x = b("linear", x, grad=stats(10.0**-i), value=stats(1.0), forward_ns=1000, backward_ns=2000)
            x = b("tanh", x, grad=stats(10.0**-i), value=stats(0.5), forward_ns=500, backward_ns=500)
    return b.graph(x)


def boxes(page):
    return page.locator(".box").count()


def test_a_click_opens_and_closes_a_module(open_page):
    page = open_page(draw.graph(transformer(12), depth=1, engine="builtin").to_html())
    assert boxes(page) == 7
    page.locator(".box.closed").click()
    assert boxes(page) == 12
    assert page.locator("#panel").is_visible()
    assert "blocks.0" in page.locator("#facts").inner_text()
    page.locator(".box.closed", has_text="attn").click()
    assert boxes(page) == 27
    page.locator(".head", has_text="attn").click()
    assert boxes(page) == 12
    page.click("#open")
    assert boxes(page) == 29
    page.click("#close")
    assert boxes(page) == 7


def test_the_side_panel_says_everything_about_a_box(open_page):
    page = open_page(draw.graph(learnt(), engine="builtin").to_html())
    page.locator(".box", has_text="linear").click()
    facts = page.locator("#facts").inner_text()
    for word in ("layers.0", "forward", "1 µs", "gradient", "copies", "rms 1.00e-02 in layers.2"):
        assert word in facts
    page.keyboard.press("Escape")
    assert not page.locator("#panel").is_visible()


def test_search_finds_opens_and_dims(open_page):
    page = open_page(draw.graph(transformer(12), depth=1, engine="builtin").to_html())
    page.keyboard.press("Tab")
    page.fill("#search", "softmax")
    assert page.locator("#hits").inner_text() == "1 found"
    assert page.locator(".box.hit").count() == 1, "the closed block it is in"
    page.locator("#search").press("Enter")
    assert page.locator("#hits").inner_text() == "1 of 1"
    assert "softmax" in page.locator(".box.hit").text_content()
    assert page.locator(".box.dim").count() > 10
    page.locator("#search").press("Escape")
    assert page.locator(".box.dim").count() == 0


def test_colours_and_directions(open_page):
    page = open_page(draw.graph(learnt(), engine="builtin").to_html())
    assert page.locator("#color option").all_inner_texts() == ["none", "grad", "value", "time"]
    shape = page.locator(".box", has_text="linear").locator(".shape")
    plain = shape.evaluate("e => getComputedStyle(e).fill")
    page.select_option("#color", "grad")
    assert page.locator("#legend").is_visible()
    assert shape.evaluate("e => getComputedStyle(e).fill") != plain
    assert page.locator(".spark").count() == 6
    tip = page.locator(".tip").first.get_attribute("d")
    page.click("#backward")
    assert page.locator("#backward").inner_text() == "backward"
    assert page.locator(".tip").first.get_attribute("d") != tip
    assert page.locator(".label", has_text="rms 1.0e").count() >= 1


def test_light_and_dark_follow_the_reader(open_page):
    html = draw.graph(transformer(2), engine="builtin").to_html()
    ground = "e => getComputedStyle(e).backgroundColor"
    assert open_page(html, color_scheme="light").locator(".view").evaluate(ground) == "rgb(255, 255, 255)"
    dark = open_page(html, color_scheme="dark")
    assert dark.locator(".view").evaluate(ground) == "rgb(18, 24, 30)"
    dark.click("#theme")
    assert dark.locator(".view").evaluate(ground) == "rgb(255, 255, 255)"


def test_pan_zoom_and_keys(open_page):
    page = open_page(draw.graph(transformer(2), engine="builtin").to_html())

    def view():
        return [float(n) for n in page.locator("svg").get_attribute("viewBox").split()]

    x, y, w, _ = first = view()
    page.mouse.move(120, 500)
    page.mouse.wheel(0, -300)
    while view() == first:  # what the wheel does is not waited for
        page.wait_for_timeout(10)
    assert view()[2] < w
    page.click("#fit")
    assert view()[2] == pytest.approx(w)
    page.mouse.move(100, 500)
    page.mouse.down()
    page.mouse.move(160, 560, steps=3)
    page.mouse.up()
    assert view()[0] < x
    assert view()[1] < y
    page.locator(".view").press("+")
    assert view()[2] < w
    page.locator(".view").press("0")
    assert view()[2] == pytest.approx(w)
    head = page.locator(".head").first
    before = boxes(page)
    head.focus()
    head.press("Enter")
    assert boxes(page) < before


def test_two_pictures_on_a_page_do_not_disturb_each_other(open_page):
    one, two = draw.graph(transformer(12), depth=1, engine="builtin"), draw.graph(learnt(), engine="builtin")
    cells = [one, two, one]
    html = "".join(f"<div class=cell>{picture._repr_mimebundle_()['text/html']}</div>" for picture in cells)
    style = "<style>.box{display:none} rect{fill:red!important} .frame{stroke:red}</style>"
    page = open_page(f"<!doctype html><meta charset=utf-8>{style}{html}")
    counts = [page.locator(".cell").nth(i).locator(".box").count() for i in range(3)]
    assert counts == [7, 4, 7]
    page.locator(".cell").nth(2).locator(".box.closed").click()
    assert [page.locator(".cell").nth(i).locator(".box").count() for i in range(3)] == [7, 4, 12]
    fill = page.locator(".cell").nth(1).locator(".frame").first.evaluate("e => getComputedStyle(e).fill")
    assert fill == "rgb(255, 248, 230)"


def test_without_scripts_there_is_the_picture_and_the_table(open_page):
    page = open_page(draw.graph(transformer(2), engine="builtin")._repr_mimebundle_()["text/html"], scripts=False)
    assert page.locator("img").evaluate("i => i.complete && i.naturalWidth") > 200
    assert page.locator("details summary").inner_text() == "table of 29 boxes"


def test_hostile_names_stay_text(open_page):
    page = open_page(draw.graph(hostile(), engine="builtin").to_html())
    page.click("#open")
    assert page.evaluate("document.scripts.length") == 1
    assert page.locator(".box", has_text="</svg><script>").count() >= 1


def test_the_browser_lays_out_as_python_does(open_page):
    """One algorithm in two languages: the same boxes at the same places."""
    graph = transformer(12)
    picture = draw.graph(graph, engine="builtin")
    page = open_page(picture.to_html())
    shapes = page.locator(".box .shape").evaluate_all("l => l.map(e => [e.x.baseVal.value, e.y.baseVal.value])")
    rects = [(rect.x, rect.y) for box, rect in picture.layout.rects.items() if box.is_leaf]
    assert len(shapes) == len(rects)
    heights = sorted({round(y) for _, y in rects})
    assert sorted({round(y) for _, y in shapes}) == heights


def test_a_converted_notebook_is_interactive_offline(open_page, browser, tmp_path):
    pytest.importorskip("IPython")
    nbformat = pytest.importorskip("nbformat")
    exporter = pytest.importorskip("nbconvert").HTMLExporter(template_name="basic")
    bundle = draw.graph(transformer(12), depth=1, engine="builtin")._repr_mimebundle_()
    output = nbformat.v4.new_output("display_data", data=bundle)
    cell = nbformat.v4.new_code_cell("draw.graph(model, x)", outputs=[output])
    html, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    page = open_page(f"<!doctype html><meta charset=utf-8><body>{html}</body>")
    assert boxes(page) == 7
    page.locator(".box.closed").click()
    assert boxes(page) == 12
