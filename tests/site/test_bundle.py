"""The offline bundle, unpacked and opened from the disk."""

import sys
import zipfile

from .conftest import ROOT
from .test_pages import READY

sys.path.insert(0, str(ROOT))

from tools import bundle


def test_the_unpacked_bundle_works_without_a_server(site, open_page, tmp_path):
    bundle.write(tmp_path / "it.zip", site.folder, bundle.build_wheel(tmp_path))
    with zipfile.ZipFile(tmp_path / "it.zip") as archive:
        archive.extractall(tmp_path)
    book = tmp_path / bundle.NAME / "book"
    visit = open_page((book / "index.html").as_uri())
    visit.page.get_by_role("link", name="See the map").click()
    visit.page.get_by_role("link", name="The mini-batch gradient is unbiased").first.click()
    visit.page.wait_for_url("**/02_unbiased.html")
    visit.page.wait_for_function(READY)
    visit.page.goto((book / "search.html").as_uri() + "?q=unbiased")
    visit.page.wait_for_selector("#search-results li a")
    download = book / "_sources" / "notebooks" / "02_unbiased.ipynb"
    assert download.is_file()
    assert visit.external == []
    assert visit.console == []
