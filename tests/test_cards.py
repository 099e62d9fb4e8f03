"""A card, the table and their CSV, drawn in Chromium of verdicts that are made up: every figure and place is known."""

import sys

import numpy as np
import pytest
from conftest import ROOT, Site

sys.path.insert(0, str(ROOT / "space"))

from views import EVIDENCE_COLOUR  # noqa: E402

INFO = {
    "words": {"fake": "A fake", "real": "A photo", "unsure": "Either"},
    "scope": "Of drawings alone.",
    "unsure": {"low": 0.25, "high": 0.5},
}
ADVICE = "Take a larger one."
FACE = {"as_is": False, "advice": None, "box": None, "evidence": None, "size": [4, 2]}
FACES = [
    FACE | {"face": 1, "verdict": "fake", "p_real": 0.125, "box": [-10, 20, 90, 140], "evidence": [1, 0, 1, 0]},
    FACE | {"face": 2, "verdict": "real", "p_real": 0.875, "box": [200, -5, 300, 190], "advice": ADVICE},
    FACE | {"face": 3, "verdict": "unsure", "p_real": 0.3, "as_is": True, "size": [1024, 600]},
    FACE | {"face": 4, "verdict": "real", "p_real": 1, "size": [1, 1024]},
    FACE | {"face": 5, "verdict": "real", "p_real": 1, "size": [1024, 1]},
]
# What tests take of the page: cards, with the addresses that are made and let go meanwhile.
START = """async () => {
  document.getElementById('result').hidden = false;
  window.cards = await import('./cards.js');
  window.made = new Map();
  window.released = [];
  const { createObjectURL } = URL;
  URL.createObjectURL = (blob) => {
    const address = createObjectURL(blob);
    made.set(address, blob);
    return address;
  };
  URL.revokeObjectURL = (address) => released.push(address);
  window.pictureOf = ([width, height]) => {
    const image = new ImageData(width, height);
    image.data.forEach((_, at) => (image.data[at] = at % 4 === 3 ? 255 : (7 * at) % 256));
    return image;
  };
  window.show = async ({ faces, info, ...verdict }, name) => {
    const card = cards.addCard(name, document.getElementById('results').firstElementChild);
    const views = faces.map(({ size, evidence, ...face }) => {
      const map = evidence && { data: Float32Array.from(evidence), width: 2, height: 2 };
      return { ...face, pixels: pictureOf(size), evidence: map };
    });
    const thumbnail = new Blob(['a thumbnail']);
    cards.showVerdict(card, { ...verdict, faces: views, thumbnail, width: 400, height: 300, milliseconds: 12.4 }, info);
    return card.id;
  };
}"""
READ_CARD = """(id) => {
  const card = document.getElementById(id);
  const part = (name) => card.querySelector(name);
  const attributes = (element) => Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));
  const visible = (name) => !part(name).hidden;
  return {
    verdict: card.dataset.verdict,
    alt: part('img').alt,
    thumbnail: made.get(part('img').src)?.size,
    texts: ['.verdict', '.name', '.sentence', '.scope', '.timing', '.evidence small']
      .map((name) => part(name).textContent),
    shown: ['.judged', '.evidence', '.evidence small'].map(visible),
    viewBox: part('.boxes').getAttribute('viewBox'),
    boxes: [...card.querySelectorAll('.boxes a')].map((link) =>
      [link, ...link.children].map((element) => [element.tagName, attributes(element), element.textContent])),
    faces: [...card.querySelectorAll('.face')].map((item) => ({
      id: item.id,
      data: { ...item.dataset },
      texts: ['.face-verdict', '.fake', '.real', '.advice'].map((name) => item.querySelector(name).textContent),
      places: ['.mark', '.unsure'].map((name) => item.querySelector(name).style.cssText),
      labels: ['.picture', '.scale'].map((name) => item.querySelector(name).ariaLabel),
      sizes: ['.picture', '.cover'].map((name) => [item.querySelector(name).width, item.querySelector(name).height]),
      coverIsShown: !item.querySelector('.cover').hidden,
    })),
  };
}"""
READ_CANVAS = """([id, name]) => {
  const canvas = document.getElementById(id).querySelector(name);
  return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
}"""
READ_TABLE = """async () => ({
  shown: ['table', 'csv'].map((id) => !document.getElementById(id).hidden),
  cells: [...document.querySelectorAll('#rows tr')].map((row) => [...row.cells].map(({ textContent }) => textContent)),
  classes: [...document.querySelectorAll('#rows td')].map(({ className }) => className),
  csv: await made.get(document.getElementById('csv').href).text(),
  type: made.get(document.getElementById('csv').href).type,
})"""


@pytest.fixture
def page(browser):
    """The page without what brings it to life."""
    site, page = Site(ROOT / "web"), browser.new_page()
    page.route("**/app.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(site.url)
    page.evaluate(START)
    yield page
    page.close()
    site.stop()


def shown(page, faces: list[dict], name: str = "a.jpg", **verdict) -> dict:
    """What a card says of a photo with these faces."""
    given = {"verdict": "fake", "words": "Two of three", "rows": faces, "faces": faces, "info": INFO} | verdict
    return page.evaluate(READ_CARD, page.evaluate("([given, name]) => show(given, name)", [given, name]))


def test_a_card_says_all_of_its_photo_and_faces(page):
    card = shown(page, FACES)
    boxes, faces = card.pop("boxes"), card.pop("faces")
    assert card == {
        "verdict": "fake",
        "alt": "Judged photo a.jpg",
        "thumbnail": len("a thumbnail"),
        "texts": [
            "Two of three", "a.jpg", "", "Of drawings alone.", "Judged on this device in 12 ms.",
            "Orange: what speaks for “fake”. A hint at where the model looks, no proof.",
        ],
        "shown": [True, True, False],
        "viewBox": "0 0 400 300",
    }  # fmt: skip
    label = "Face 1: A fake, P(real) 12.5 %"
    assert boxes[0] == [
        ["a", {"href": "#photo-1-face-1", "aria-label": label, "data-verdict": "fake"}, "1"],
        ["rect", {"x": "-10", "y": "20", "width": "100", "height": "120", "class": "outline"}, ""],
        ["rect", {"x": "0", "y": "20", "width": "28", "height": "28", "class": "plate"}, ""],
        ["text", {"x": "14", "y": "42", "font-size": "22"}, "1"],
    ]
    assert [box[0][1]["href"] for box in boxes] == ["#photo-1-face-1", "#photo-1-face-2"]  # The others have no box.
    assert [boxes[1][2][1][key] for key in ("x", "y")] == ["200", "0"]  # The number stays inside the photo.
    assert [face["id"] for face in faces] == [f"photo-1-face-{face['face']}" for face in FACES]
    assert [face["data"] for face in faces] == [
        {"pReal": str(face["p_real"]), "verdict": face["verdict"]} for face in FACES
    ]
    assert [face["texts"] for face in faces] == [
        ["Face 1: A fake", "87.5 %", "12.5 %", ""],
        ["Face 2: A photo", "12.5 %", "87.5 %", ADVICE],
        ["Face 3: Either", "70.0 %", "30.0 %", ""],
        ["Face 4: A photo", "0.0 %", "100.0 %", ""],
        ["Face 5: A photo", "0.0 %", "100.0 %", ""],
    ]
    band = "left: 25%; width: 25%;"
    assert [face["places"] for face in faces] == [
        [f"left: {place}%;", band] for place in ("12.5", "87.5", "30", "100", "100")
    ]
    scale = "Probability of a real photo: 12.5 %. Between 25.0 % and 50.0 % the detector is unsure."
    assert faces[0]["labels"] == ["Face 1, cut out upright", scale]
    assert faces[2]["labels"][0] == "Face 3, judged as it is"
    # As large as they are, but no larger than they are shown; the map covers its face.
    assert [face["sizes"][0] for face in faces] == [[4, 2], [4, 2], [256, 150], [1, 256], [256, 1]]
    assert faces[0]["sizes"][1] == [4, 2]
    assert not any(face["coverIsShown"] for face in faces)


def test_a_face_is_drawn_as_it_is_and_its_map_in_orange(page):
    shown(page, FACES)
    face = page.evaluate(READ_CANVAS, ["photo-1-face-1", ".picture"])
    assert face == [255 if at % 4 == 3 else 7 * at % 256 for at in range(4 * 4 * 2)]
    cover = np.array(page.evaluate(READ_CANVAS, ["photo-1-face-1", ".cover"])).reshape(2, 4, 4)
    assert cover[:, 0].tolist() == [[*EVIDENCE_COLOUR, 255]] * 2 and (cover[:, 3, 3] == 0).all()  # On the left alone.


def test_the_switch_lays_the_maps_over_the_faces_and_takes_them_away(page):
    shown(page, FACES)
    for is_on in (True, False):
        page.locator(".evidence input").set_checked(is_on)
        card = page.evaluate(READ_CARD, "photo-1")
        assert card["shown"] == [True, True, is_on] and card["faces"][0]["coverIsShown"] is is_on


@pytest.mark.parametrize(
    ("maps", "is_offered", "caption"),
    [
        ([[0, 0, 0, 0], [0, 0, 0, 0.1]], True, "Orange: what speaks"),
        ([None, [0, 0, 0, 0]], True, "Nothing here speaks for “fake”."),
        ([None, None], False, "Orange: what speaks"),
    ],
)
def test_a_map_is_offered_where_there_is_one(maps, is_offered, caption, page):
    card = shown(page, [face | {"evidence": some} for face, some in zip(FACES, maps)])
    assert card["shown"][1] is is_offered and card["texts"][-1].startswith(caption)


def test_a_photo_without_a_face_says_what_to_do(page):
    card = shown(page, [], verdict="no_face", words="None found.", rows=[{"advice": "None found. Take another."}])
    assert card["verdict"] == "no_face" and card["texts"][:3] == ["None found.", "a.jpg", "Take another."]
    assert card["boxes"] == card["faces"] == []


def test_later_photos_stand_above_earlier_ones_until_all_are_cleared(page):
    shown(page, FACES, "a.jpg")
    shown(page, FACES, "b.jpg")
    page.evaluate("() => cards.showError(cards.addCard('c.jpg', null), 'It is damaged.')")
    assert page.locator(".card").evaluate_all("cards => cards.map(({ id }) => id)") == ["photo-2", "photo-1", "photo-3"]
    last = page.locator("#photo-3")
    assert last.locator(".name").text_content() == "c.jpg: It is damaged."
    assert last.locator(".verdict").text_content() == "Not judged"
    assert last.get_attribute("class") == "card error" and last.locator(".photo").count() == 0
    thumbnails = page.locator(".card img").evaluate_all("images => images.map(({ src }) => src)")
    page.evaluate("() => cards.clearCards()")
    assert page.locator("#results > *").count() == 0
    assert page.evaluate("() => released") == thumbnails and len(thumbnails) == 2


def test_the_table_and_its_csv_are_there_from_the_second_row_on(page):
    row = {"file": "a.jpg", "face": 1, "faces": 2, "box": None, "roll": None, "unsure": False, "as_is": True}
    row |= {"verdict": "fake", "p_real": 0.123456, "advice": None, "model": "m", "error": None}
    none = row | {"file": "b.jpg", "face": None, "faces": 0, "verdict": "no_face", "p_real": None, "advice": "No face."}
    odd = row | {"file": "c.jpg", "face": None, "verdict": None, "p_real": None, "error": "It is damaged."}
    page.evaluate("([rows, info]) => cards.showTable(rows, info)", [[row], INFO])
    assert page.evaluate(READ_TABLE)["shown"] == [False, False]
    first = page.evaluate("() => document.getElementById('csv').href")
    page.evaluate("([rows, info]) => cards.showTable(rows, info)", [[row, none, odd], INFO])
    table = page.evaluate(READ_TABLE)
    assert table["shown"] == [True, True] and table["type"] == "text/csv"
    assert table["cells"] == [
        ["a.jpg", "1 of 2", "A fake", "0.1235"],
        ["b.jpg", "–", "No face.", "–"],
        ["c.jpg", "–", "It is damaged.", "–"],
    ]
    assert table["classes"] == ["", "", "", "number"] * 3
    assert [line.split(",")[0] for line in table["csv"].split("\r\n")] == ["file", "a.jpg", "b.jpg", "c.jpg", ""]
    assert first in page.evaluate("() => released")
    page.evaluate("rows => cards.showTable(rows)", [odd, odd])  # Without a model there are no words.
    table = page.evaluate(READ_TABLE)
    assert table["shown"] == [True, True] and table["cells"][1][2] == "It is damaged."
