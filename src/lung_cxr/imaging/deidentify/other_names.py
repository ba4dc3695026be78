"""Names of other people in notes: capitalised words after a title or cue, or after a Vietnamese family name."""

# ruff: noqa: SIM905  lists of words are easier to read and to extend as text
import re
import unicodedata

_LETTERS = [chr(code) for code in (*range(0x41, 0x1B5), *range(0x1EA0, 0x1EFA)) if chr(code).isalpha()]
_UP = "".join(letter for letter in _LETTERS if letter.isupper())
_LOW = "".join(letter for letter in _LETTERS if letter.islower())

# Families that are hardly ever another word; the others need a middle name, a title or a cue beside them.
FAMILIES = (
    "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Trương Đinh Lâm Đoàn Trịnh Lương Lý "
    "Phùng Lưu Quách Đào Nghiêm Tạ Tô Mạc Doãn Khuất Tống Vương Châu Chử Lã Khổng Thạch Diệp Hứa Nông Giàng Triệu "
    "Đàm Bạch"
).split()
ASCII_FAMILIES = ("Nguyen Tran Pham Hoang Huynh Dang Bui Ngo Duong Truong Dinh Doan Trinh Luong Phung Quach").split()
AMBIGUOUS_FAMILIES = (
    "Mai Cao Hà Thái Chu La Kiều Từ Ninh Thân Tăng Viên Hầu Phí Cù Cung Đồng Giáp Hàn Hồng Kha Lại Lục Mã Sử Tiêu "
    "Tôn Trà Ưng Vi Lò Ma Kim Sơn Văn Âu Ngụy Ông Quan Le Vu Vo Do Ho Lam Ly Luu Dao To Ta Tong Vuong Chau Ha "
    "Thai Kieu"
).split()
MIDDLE = (
    "Văn Thị Đức Minh Ngọc Hữu Xuân Quang Thanh Thu Hoàng Kim Đình Công Bá Trọng Thế Gia Như Phương Bích Hồng "
    "Thúy Tuấn Anh Quốc Hải Mạnh Viết Duy Nhật Khánh Bảo Tiến Van Thi Duc Huu Xuan Dinh Cong Ba Trong The Quoc "
    "Manh"
).split()
TITLES = (
    r"mr|mrs|ms|miss|dr|prof|mr/mrs|bs|bác s[ĩỹ]|bsỹ|bs\.?ck[12i]{1,2}|ths|ts|pgs|gs|cn|ktv|đd|điều dưỡng|y tá|nhs"
    r"|ông|bà|anh|chị|cô|chú|bác|thầy|vợ|chồng|mẹ|cha|bố|con (?:trai|gái)|cháu|em"
)
CUES = r"họ\s*(?:và\s*)?tên|ho\s*(?:va\s*)?ten|bệnh nhân|benh nhan|patient|\bpt|\bbn|name|người nhà|thân nhân"
STATED = r"họ\s*(?:và\s*)?tên|ho\s*(?:va\s*)?ten|full name"  # with a colon: also a name in lower case
# Words in capitals that follow a title or cue in notes and name nobody, without diacritics.
CLINICAL = (
    "nam nu ho sot kho tho dau tinh vao nhap xuat co khong bi duoc da tien su tha dtd copd tbmmn hien mo sau "
    "truoc chup xq ct sieu am lao viem phoi tran dich mang ung thu suy tim than gan tuoi nhieu it huyet kham khoa "
    "phong benh vien de nghi theo doi dieu tri tai ket luan chan doan ngay gio the trang chung ngoai trong rieng "
    "trai phai hai ben male female with and has had the was for from year old history noted seen admitted "
    "presented"
).split()

_TITLE_CASE = rf"[{_UP}][{_LOW}'’]+"
_CAPITALS = rf"[{_UP}]{{2,}}"
_INITIAL = rf"[{_UP}]\b\.?"


def _either_case(words: list[str]) -> str:
    return "|".join(form for word in words for form in (word, word.upper()))


_WORD = rf"(?:{_TITLE_CASE}|{_CAPITALS})"
_FAMILY, _ASCII = _either_case(FAMILIES), _either_case(ASCII_FAMILIES)
_AMBIGUOUS, _MIDDLE = _either_case(AMBIGUOUS_FAMILIES), _either_case(MIDDLE)
PATTERNS = [
    re.compile(
        rf"\b(?:{_FAMILY}|{_ASCII}(?! (?:Dich|DICH|Khi|KHI|Mu|MU)\b))(?:(?:[ ]+|-)(?:{_WORD}|{_INITIAL})){{1,4}}"
    ),
    re.compile(rf"\b(?:{_AMBIGUOUS})[ ]+(?:{_MIDDLE})(?:[ ]+(?:{_WORD}|{_INITIAL})){{1,3}}"),
    re.compile(rf"\b(?i:{TITLES})\b[.:]?\s+(?P<what>{_WORD}(?:[ ]+(?:{_WORD}|{_INITIAL})){{0,4}})"),
    re.compile(rf"(?i:{STATED})\s*:\s*(?P<what>[{_LOW}]+(?:[ ]+[{_LOW}]+){{1,3}})"),
    re.compile(rf"(?i:{CUES})\s*[:.]?\s+(?P<what>{_WORD}(?:[ ]+(?:{_WORD}|{_INITIAL})){{1,4}})"),
]


def others_spans(text: str) -> list[tuple[int, int]]:
    """Return the spans of clean text that name a person: from a title, cue or family name to the next other word.

    Args:
        text: Result of `note_names.clean`.
    """
    found = []
    for pattern in PATTERNS:
        has_cue = "what" in pattern.groupindex
        for match in pattern.finditer(text):
            start, stop = match.span("what") if has_cue else match.span()
            stop = _before_clinical_words(text, start, stop)
            if stop > start:
                found.append((start, stop))
    return found


def _before_clinical_words(text: str, start: int, stop: int) -> int:
    """Return where the first clinical word of a span in capitals begins; the span's end without one."""
    for word in re.finditer(r"\S+", text[start:stop]):
        if word[0].isupper() and len(word[0]) > 1 and _folded(word[0]) in CLINICAL:
            return start + len(text[start : start + word.start()].rstrip())
    return stop


def _folded(word: str) -> str:
    plain = unicodedata.normalize("NFD", word.casefold().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).strip(".,")
