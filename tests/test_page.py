"""The HTML page: as text, and in a real browser, where it lists, filters, opens and draws."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from test_cli import RACE
from test_report import SOURCE, STALE_WRITE, Results, span

from racelint.cli.commands import cli
from racelint.cli.showing import explained
from racelint.finding import Applicability, Confidence, Edit, Finding, Fix, Problem
from racelint.report import REPORTERS, Options

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

EXAMPLES = Path(__file__).parent.parent / "examples" / "racy"
NASTY = "</script><script>document.title='taken over'</script><img src=x onerror=document.title='taken'>"
FIXED = replace(
    STALE_WRITE, fix=Fix("await first", Applicability.SAFE, (Edit(span(SOURCE, 7, "total + amount"), "0"),))
)


def written(*findings: Finding, problems: tuple[Problem, ...] = (), source: str = SOURCE) -> str:
    """The page of these findings, all in a file with this source."""
    options = Options(read=lambda path: source.split("\n"), explained=explained)
    return "".join(REPORTERS["html"](Results(findings, problems), options))


def data(page: str) -> Any:
    """What the page's script reads."""
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert text
    return json.loads(text[1])


def test_the_page_refers_to_nothing() -> None:
    """No address, no file, and a policy that lets the browser fetch none."""
    page = written(FIXED)
    assert "default-src 'none'" in page
    assert re.findall(r"""(?:src|href)=["']?(?!#)[^"' >]+""", page) == []
    assert re.findall(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)", page) == []


def test_the_page_is_ascii() -> None:
    """So it can go through any output."""
    assert written(replace(FIXED, message="räce „here“", path="wörk/\U0001f40d.py")).isascii()


def test_the_data_of_a_finding() -> None:
    """What its details are drawn from: the lines around its steps, the timeline, the fix as a diff, the rule's text."""
    read = data(written(FIXED, problems=(Problem("b.py", 3, "cannot parse"),)))
    assert read["summary"] == {
        "files": 1,
        "problems": [{"code": "RL900", "path": "b.py", "line": 3, "message": "cannot parse"}],
    }
    (found,) = read["findings"]
    assert (found["code"], found["path"], found["line"], found["confidence"]) == ("RL102", "app/counter.py", 7, "high")
    assert found["source"][2] == {
        "line": 3,
        "text": "        total = self.total",
        "marks": [[16, 26, "read", "read here"]],
    }
    assert [row["line"] for row in found["source"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [(row["lane"], row["says"]) for row in found["timeline"]["rows"]] == [
        (0, "reads v"),
        (0, "waits, B runs"),
        (1, "reads v, too"),
        (1, "writes v + b"),
        (0, "writes v + a"),
    ]
    assert found["fix"]["diff"][-3:-1] == ["-        self.total = total + amount", "+        self.total = 0"]
    assert "### Use instead" in read["rules"]["RL102"]["text"]


def test_of_a_changed_file_the_steps_alone_are_shown() -> None:
    """As they were when the file was analysed; and no fix that may not fit."""
    (found,) = data(written(FIXED, source="# nothing is left\n"))["findings"]
    assert [(row["line"], row["text"]) for row in found["source"]] == [
        (3, "self.total"),
        (4, "await self.audit(amount)"),
        (7, "self.total = total + amount"),
    ]
    assert found["fix"]["diff"] == []


def test_nothing_in_a_finding_is_markup() -> None:
    """Whatever stands in names, messages and source: the page has the elements that it has without it."""
    harmless, nasty = written(FIXED), written(replace(FIXED, message=NASTY, path=NASTY, symbol=NASTY, evidence=NASTY))
    assert [len(re.findall(r"<[a-z!/]", page)) for page in (harmless, nasty)] == [
        len(re.findall(r"<[a-z!/]", harmless))
    ] * 2
    assert data(nasty)["findings"][0]["message"] == NASTY


def test_report_writes_the_page_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings do not make it fail; a path that cannot be read does."""
    monkeypatch.chdir(tmp_path)
    Path("race.py").write_text(RACE)
    run = CliRunner().invoke(cli, ["report", "race.py", "-o", "r.html"], standalone_mode=False)
    assert (run.return_value, run.stdout, run.stderr) == (0, "", "racelint: the report is in r.html\n")
    assert [found["code"] for found in data(Path("r.html").read_text())["findings"]] == ["RL102"]
    run = CliRunner().invoke(cli, ["report", "race.py", "--ignore", "RL102", "-q"], standalone_mode=False)
    assert (run.return_value, run.stderr) == (0, "")
    assert data(Path("racelint-report.html").read_text())["findings"] == []
    run = CliRunner().invoke(cli, ["report", "missing.py", "-o", "-"], standalone_mode=False)
    assert run.return_value == 2
    assert data(run.stdout)["summary"]["problems"][0]["path"] == "missing.py"


def test_report_is_check_with_that_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same options choose the same findings."""
    monkeypatch.chdir(tmp_path)
    Path("race.py").write_text(RACE)
    one = CliRunner().invoke(cli, ["report", ".", "-o", "-", "--min-confidence", "low"], standalone_mode=False)
    two = CliRunner().invoke(
        cli, ["check", ".", "--output-format", "html", "--min-confidence", "low"], standalone_mode=False
    )
    assert one.stdout == two.stdout


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """A headless Chromium that keeps what it says and what it asks the network for."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as chrome:
        yield chrome


class Page:
    """A page that is open."""

    def __init__(self, browser: Chrome, file: Path, *, width: int = 1280, dark: bool = False, anchor: str = "") -> None:
        self.browser = browser
        self.address = file.as_uri()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get("about:blank")
        self.said()
        self.asked()
        browser.get(self.address + anchor)

    def all(self, selector: str) -> list[WebElement]:
        """The elements that are shown."""
        return [found for found in self.browser.find_elements("css selector", selector) if found.is_displayed()]

    def one(self, selector: str) -> WebElement:
        """The only one that is shown."""
        (found,) = self.all(selector)
        return found

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        self.browser.switch_to.active_element.send_keys(*keys)

    def focus(self) -> str:
        """The text of what has the focus, or its id."""
        active = self.browser.switch_to.active_element
        return active.text or active.get_attribute("id") or ""

    def places(self) -> list[str]:
        """The places of the findings that are listed."""
        return [place.text.partition(" ")[0] for place in self.all(".place")]

    def said(self) -> list[str]:
        """What stands on the console."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def asked(self) -> set[str]:
        """What was fetched."""
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return {url.partition("#")[0] for url in urls} - {"about:blank"}


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the racy examples, in two folders."""
    folder = tmp_path_factory.mktemp("report")
    for number, file in enumerate(sorted(EXAMPLES.glob("*.py"))):
        target = folder / ("app" if number % 2 else "jobs")
        target.mkdir(exist_ok=True)
        shutil.copy(file, target)
    before = Path.cwd()
    os.chdir(folder)
    try:
        CliRunner().invoke(cli, ["report", ".", "--isolated", "-o", "report.html"], standalone_mode=False)
    finally:
        os.chdir(before)
    return folder / "report.html"


@pytest.mark.browser
def test_it_opens_without_a_word_and_without_the_network(browser: Chrome, examples: Path) -> None:
    """The console is empty, and the page itself is all that is fetched."""
    page = Page(browser, examples)
    for button in page.all(".open"):
        button.click()
    assert len(page.all("article svg")) == len(page.all("article"))
    assert page.asked() == {page.address}
    assert page.said() == []


@pytest.mark.browser
def test_it_filters_and_searches(browser: Chrome, examples: Path) -> None:
    """By rule, confidence, folder and words, all of which have to fit; the count says what is left."""
    page = Page(browser, examples)
    total = len(page.places())
    assert page.one("#count").text == f"{total} findings"
    page.one("input[value=RL103]").click()
    rl103 = page.places()
    assert 0 < len(rl103) < total
    assert page.one("#count").text == f"{len(rl103)} of {total} findings"
    page.one("input[value=app]").click()
    assert page.places() == [place for place in rl103 if place.startswith("app/")]
    page.one("#search").send_keys("no such words anywhere")
    assert page.places() == []
    assert page.one(".none").text == "No finding matches."
    page.one("#clear").click()
    assert len(page.places()) == total
    page.one("#search").send_keys("render_pipeline add_log")
    assert len(page.places()) == 1


@pytest.mark.browser
def test_what_is_opened_has_all_of_it(browser: Chrome, examples: Path) -> None:
    """Source, timeline, outcome, harm, evidence, advice and the rule; closed again, nothing is left."""
    page = Page(browser, examples)
    page.one("#search").send_keys("RL104")
    button = page.one(".open")
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    assert [heading.text for heading in page.all(".details h3")] == [
        "The code",
        "How it goes wrong",
        "Harm",
        "Evidence",
        "Write instead",
    ]
    assert "SELECT logs FROM renders" in page.one(".source").text
    assert page.one(".outcome").text == "✗ B's entry is lost: [x, a], expected [x, b, a]"
    image = page.one("svg")
    assert image.aria_role in ("image", "img")
    assert "process B, line 60: saves [x, b]" in (
        image.find_element("css selector", "desc").get_attribute("textContent") or ""
    )
    page.one(".rule summary").click()
    assert "Use instead" in [heading.text for heading in page.all(".rule h4")]
    button.click()
    assert page.all(".details") == []


@pytest.mark.browser
def test_a_fix_is_shown_as_a_diff(browser: Chrome, tmp_path: Path) -> None:
    """What it takes away and what it adds, and which command does it."""
    (tmp_path / "page.html").write_text(written(FIXED))
    page = Page(browser, tmp_path / "page.html")
    page.one(".open").click()
    assert page.one(".minus").text == "-        self.total = total + amount"
    assert page.one(".plus").text == "+        self.total = 0"
    assert "racelint --fix does it" in page.one("main").text


@pytest.mark.browser
def test_it_is_used_by_keyboard(browser: Chrome, examples: Path) -> None:
    """`/` searches, Escape clears, `j` and `k` go from finding to finding, Enter opens."""
    page = Page(browser, examples)
    total = len(page.places())
    page.press("/")
    assert page.focus() == "search"
    page.press("RL104")
    assert len(page.places()) == 1
    page.press("\ue00c")
    assert len(page.places()) == total
    page.press("\ue004")
    assert page.focus() != "search"
    buttons = page.all(".open")
    page.press("j")
    page.press("j")
    assert page.focus() == buttons[1].text
    page.press("k")
    assert page.focus() == buttons[0].text
    page.press("\ue007")
    assert buttons[0].get_attribute("aria-expanded") == "true"


@pytest.mark.browser
def test_a_finding_has_an_address(browser: Chrome, examples: Path) -> None:
    """Opened, the page's address names it; such an address opens it, wherever it stands in the list."""
    page = Page(browser, examples)
    last = page.all(".open")[-1]
    shown = last.text
    last.click()
    anchor = "#" + browser.current_url.partition("#")[2]
    assert len(anchor) > 8
    page = Page(browser, examples, anchor=anchor)
    assert page.focus() == shown
    assert len(page.all("svg")) == 1


@pytest.mark.browser
def test_names_of_controls(browser: Chrome, examples: Path) -> None:
    """Whatever can be operated has a name that assistive technology can say, and ids are unique."""
    page = Page(browser, examples)
    for button in page.all(".open")[:3]:
        button.click()
    controls = page.all("input, select, button, [tabindex='0'], svg, nav, article, summary")
    assert len(controls) > 20
    assert [control.get_attribute("outerHTML") for control in controls if not control.accessible_name.strip()] == []
    ids = [one.get_attribute("id") for one in browser.find_elements("css selector", "[id]")]
    assert len(ids) == len(set(ids))


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_and_can_be_read(browser: Chrome, examples: Path, width: int, dark: bool) -> None:
    """Nothing sticks out on a phone, and text stands out from its background by 4.5 to 1 at least, by day and by night."""
    page = Page(browser, examples, width=width, dark=dark)
    page.all(".open")[0].click()
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    colors = browser.execute_script(
        """
        const shown = (node) => getComputedStyle(node);
        const back = (node) => { while (node && shown(node).backgroundColor === "rgba(0, 0, 0, 0)") node = node.parentElement;
                                 return node ? shown(node).backgroundColor : "rgb(255, 255, 255)"; };
        return [...document.querySelectorAll("main *, header *, footer *, nav label *")]
          .filter((node) => !node.matches("title, desc"))
          .filter((node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
          .map((node) => [node instanceof SVGElement ? shown(node).fill : shown(node).color, back(node), node.outerHTML]);
        """
    )
    assert len(colors) > 40
    assert [(one, two, html) for one, two, html in colors if contrast(one, two) < 4.5] == []


def contrast(one: str, two: str) -> float:
    """The ratio of WCAG 2 between two colours as `rgb(r, g, b)`."""

    def light(color: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.browser
def test_names_and_source_that_look_like_markup(
    browser: Chrome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder `<` with a file that ends a script element in its path, and again in its text: all of it is only shown."""
    monkeypatch.chdir(tmp_path)
    folder = Path("<")
    folder.mkdir()
    name = "script><img src=x onerror=document.title=1>.py"
    comment = f"  # {NASTY}"
    (folder / name).write_text(RACE.replace("total = self.total\n", f"total = self.total{comment}\n", 1))
    CliRunner().invoke(cli, ["report", ".", "-o", "report.html"], standalone_mode=False)
    page = Page(browser, tmp_path / "report.html")
    assert page.places() == ["</script><img"]
    page.one(".open").click()
    assert NASTY in page.one(".source").text
    assert browser.title == "racelint report"
    assert page.all("img") == []
    assert page.said() == []


@pytest.mark.browser
def test_a_long_list_comes_in_pieces(browser: Chrome, tmp_path: Path) -> None:
    """Of a thousand findings a hundred are listed at first, and nothing of them is drawn before it is opened."""
    findings = [
        replace(FIXED, path=f"app/part{number % 40}.py", symbol=f"Counter.add{number}") for number in range(1000)
    ]
    (tmp_path / "page.html").write_text(written(*findings))
    page = Page(browser, tmp_path / "page.html")
    assert page.one("#count").text == "1000 findings"
    assert len(browser.find_elements("css selector", "article")) == 100
    assert browser.find_elements("css selector", "svg, .source") == []
    page.one("#more").click()
    assert len(browser.find_elements("css selector", "article")) == 200
    page.one("#search").send_keys("Counter.add987")
    assert len(page.places()) == 1


@pytest.mark.browser
def test_without_findings_and_with_problems(browser: Chrome, tmp_path: Path) -> None:
    """It says that there are none, and what could not be read."""
    (tmp_path / "page.html").write_text(written(problems=(Problem("b.py", 3, "cannot parse"),)))
    page = Page(browser, tmp_path / "page.html")
    assert page.one(".none").text == "No races were found."
    assert page.one(".problem").text == "b.py:3: cannot parse"
    assert page.one("#total").text == "0 findings in 1 file"
    assert page.said() == []


@pytest.mark.browser
def test_it_is_ordered_by_confidence(browser: Chrome, tmp_path: Path) -> None:
    """The surest first, on request."""
    shades = [Confidence.LOW, Confidence.HIGH, Confidence.MEDIUM]
    findings = [replace(FIXED, path=f"{number}.py", confidence=shade) for number, shade in enumerate(shades)]
    (tmp_path / "page.html").write_text(written(*findings))
    page = Page(browser, tmp_path / "page.html")
    assert page.places() == ["0.py:7", "1.py:7", "2.py:7"]
    page.one("#order option[value=confidence]").click()
    assert page.places() == ["1.py:7", "2.py:7", "0.py:7"]
