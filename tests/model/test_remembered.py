"""What rules ask of a document together is found out once."""

from __future__ import annotations

from seatrial.model.remembered import MAX_ANSWERS, remembered


class Document:
    """Two of them are never the same, however alike."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str) -> None:
        self.text = text


def test_each_document_is_asked_once() -> None:
    asked: list[str] = []

    @remembered
    def length(document: Document) -> int:
        asked.append(document.text)
        return len(document.text)

    documents = [Document("one"), Document("one"), Document("three")]
    assert [length(each) for each in documents * 2] == [3, 3, 5] * 2
    assert asked == ["one", "one", "three"]


def test_more_documents_than_are_remembered_have_right_answers() -> None:
    @remembered
    def text(document: Document) -> str:
        return document.text

    documents = [Document(str(number)) for number in range(2 * MAX_ANSWERS + 5)]
    for _ in range(2):
        assert [text(each) for each in documents] == [each.text for each in documents]
    # Documents that nobody holds any longer leave their places in memory, and so their identities, to others.
    assert [text(Document(str(number))) for number in range(3 * MAX_ANSWERS)] == [
        str(number) for number in range(3 * MAX_ANSWERS)
    ]
