"""Patterns of numbers, dates and places in Vietnamese and English notes.

A pattern replaces its group `what`, or its whole match if it has no such group. The patterns of `FOLDED` ignore
diacritics and case: "Mã BN", "ma bn" and "MÃ BN" are equal. Those of `WEB` and `PLACES` match the text as it is.
"""

import re

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY, _MONTH_NUMBER = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_YEAR = r"(?:1[89]|20)\d\d"
_UNIT = r"(?!\s*(?:ml|cc|mg|g|kg|l|kcal|ui|iu|mm|cm|m|hu|/|%|x)\b|\s*[%/])"  # a volume of 1950 ml is no year
_ORDINAL = r"(?:st|nd|rd|th)?"
_CODE = (
    r"[:#.\s]*(?:(?:so|no|number)\b[:.#\s]*)?(?P<what>(?:[a-z]{1,4}[-/])?[a-z0-9]*\d[a-z0-9]*(?:[-/._ ]?\d[a-z0-9]*)*)"
)

_TITLE = r"[A-ZÀ-ÝĂĐĨŨƠƯẠ-Ỹ][a-zà-ýăđĩũơưạ-ỹ'’]+"
_UNITS_OF_LAND = (
    r"(?i:thành phố|thanh pho|tp|quận|quan|phường|phuong|huyện|huyen|xã|thị xã|thi xa|tx|thị trấn|tt|tỉnh|ấp|thôn|tổ"
    r"|khu phố|kp|đường|duong|phố|ngõ|ngách|hẻm|số nhà|số|district|dist|ward|city|province|q|p|h|x|đ)\.?"
)
_PLACE = rf"(?:{_UNITS_OF_LAND}\s*)?(?:\d+[A-Za-z]?(?:[/-]\d+[A-Za-z]?)*|{_TITLE})(?:[ ]+(?:{_TITLE}|\d+\b))*"
_ROAD = r"(?i:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd)\b\.?"

WEB: dict[str, list[str]] = {
    "EMAIL": [r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"],
    "URL": [r"(?i)\bhttps?://\S+(?<![;,.)])", r"(?i)\bwww\.\S+(?<![;,.)])", r"(?i)\b(?:facebook|fb|zalo)\.\w+/\S+"],
}

PLACES: dict[str, list[str]] = {
    "ADDRESS": [
        r"(?i:địa chỉ|dia chi|đ/c|address|addr|thường trú|thuong tru|tạm trú|cư trú|ngụ tại|ngụ|sống tại|quê quán"
        rf"|nơi ở|chỗ ở|residing at|lives? (?:at|in))\s*[:\-]?\s*(?P<what>[^,.;\n]+?(?:\.\s*)?(?:\s*[,-]\s*{_PLACE})*)"
        r"(?=[,.;\n]|\s+(?i:seen|presented|admitted|khám|vào viện|nhập viện)\b|$)",
        rf"\b\d{{1,4}}[A-Za-z]?(?:/\d+[A-Za-z]?)*\s+(?:{_UNITS_OF_LAND}\s*)?{_TITLE}(?:[ ]+{_TITLE}){{0,5}}"
        rf"(?:\s*,\s*{_PLACE})+",
        rf"\b\d{{1,5}}\s+(?:{_TITLE}[ ]+){{1,4}}{_ROAD}(?:\s*,\s*{_PLACE})*",
        rf"\b(?i:số nhà|so nha|nhà số|đường|duong|phố|ngõ|hẻm)\s+(?:\d+\S*\s+)?{_TITLE}(?:[ ]+{_TITLE})*"
        rf"(?:\s*,\s*{_PLACE})*",
        r"(?<!phe )(?<!khi )(?<!thuc )(?<!thanh )\b(?i:quận|quan|phường|phuong|district|ward)"
        r"\s+\d{1,2}\b(?!\s*[/x]|\s*(?:cm|mm|bên|ben))",
        rf"\b(?i:quận|phường|huyện|xã|thị xã|thị trấn|thành phố|tp\.?|tỉnh|thôn|ấp)\s+{_TITLE}(?:[ ]+{_TITLE}){{0,3}}",
    ],
}  # fmt: skip

FOLDED: dict[str, list[str]] = {
    "PHONE": [
        r"\b(?:sdt|dt|so\s+dien\s+thoai|dien\s+thoai|tel|telephone|phone|mobile|hotline|zalo|contact|lien\s+he|goi)\b[^\d\n+]{0,25}(?P<what>\+?\(?\d[\d\s().-]{4,}\d)",
        r"(?<![\d.,])(?:\+|00)\d{1,3}[\s().-]*\d(?:[\s().-]?\d){6,11}(?!\d)",
    ],
    "ID": [
        r"\b\d+(?:\.\d+){5,}\b",  # a DICOM UID
        r"\b[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}\b",
        r"\b(?:ma\s*bn|ma\s+benh\s+nhan|ma\s+y\s+te|ma\s+so|ma\s+ho\s+so|ma\s+kham|ma\s+the|so\s+ho\s+so|so\s+vao\s+vien|so\s+luu\s+tru|so\s+the"
        r"|mrn|pid|patient\s*(?:id|no|number)|hospital\s+(?:id|no|number)|record\s+(?:id|no|number)|accession(?:\s+(?:no|number))?"
        r"|insurance(?:\s+(?:no|number))?|id\s+card|identity\s+card|cccd|cmnd|cmt|can\s+cuoc(?:\s+cong\s+dan)?|chung\s+minh(?:\s+(?:nhan\s+dan|thu))?"
        rf"|passport|ho\s+chieu|the\s+bhyt|bhyt|bao\s+hiem\s+y\s+te|ssn)\b{_CODE}",
        r"\bid\b[:#.\s]+(?P<what>[a-z]*\d[a-z0-9\-]{3,})",
        r"\b[a-z]{2}[ -]?\d[ -]?\d{2}[ -]?\d{2}[ -]?\d{3}[ -]?\d{5}\b",  # a health insurance card
        r"(?<!\d)\d{3}[ -]\d{3}[ -]\d{3}(?:[ -]\d{3})?(?!\d)",  # 9 or 12 digits
        r"(?<!\d)\d{12}(?!\d)",
    ],
    "DATE": [
        rf"(?<![\d/.-])(?:{_YEAR})([-/.]){_MONTH_NUMBER}\1{_DAY}(?:t\d\d:\d\d(?::\d\d)?)?(?!\d)",
        rf"(?<![\d/.-]){_DAY}\s?([-/.])\s?{_MONTH_NUMBER}\s?\1\s?(?:{_YEAR}|\d\d)(?!\d)",
        rf"(?<![\d/.-]){_MONTH_NUMBER}([-/]){_DAY}\1(?:{_YEAR})(?!\d)",
        rf"(?<![\d/.-]){_DAY} {_MONTH_NUMBER} {_YEAR}(?!\d)",
        rf"(?<!\d){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)",
        rf"\b(?:ngay|mung)\s*{_DAY}\s*,?\s*thang\s*{_MONTH_NUMBER}\b(?:\s*,?\s*(?:nam\s*)?\d{{4}})?",
        rf"\b{_DAY}\s+thang\s+{_MONTH_NUMBER}\b\s*,?\s*(?:nam\s*)?{_YEAR}",
        rf"\bthang\s+{_MONTH_NUMBER}\s*[,/-]?\s*(?:nam\s*)?{_YEAR}",
        rf"\b{_DAY}{_ORDINAL}(?:\s+of)?[\s-]+{_MONTH}(?:[\s,-]+(?:{_YEAR}|\d\d\b))",
        rf"\b{_DAY}{_ORDINAL}(?:\s+of)?[\s-]+{_MONTH}(?!\w)",
        rf"\b{_MONTH}\s+{_DAY}{_ORDINAL}\b(?:\s*,?\s*{_YEAR})?(?!\s*(?:cm|mm|mg|ml|%|x)|[.,/]\d)",
        rf"\b{_MONTH}[\s,-]+{_YEAR}\b",
        rf"(?:\b(?:ngay|hom|on|dob|sinh|date)\b\s*[:.]?\s*)(?P<what>{_DAY}[-/.]{_MONTH_NUMBER})(?![\d/])",
        rf"(?<![\d/.,-]){_MONTH_NUMBER}[/-]{_YEAR}(?!\d)",
        r"\b(?:nam|sinh|sn|born(?:\s+in)?|year)\s*[:.]?\s*(?P<what>(?:1[89]|20)\d\d)\b",
        rf"(?<![\d.,/-])(?<!disease )(?<!covid )(?:19[2-9]\d|20[0-4]\d)(?![\d]|[.,/]\d){_UNIT}",
    ],
    "PHONE, plain": [
        r"(?<![\d.,])\(?0\d{1,3}\)?(?:[ .-]?\d{2,4}){2,3}(?!\d)",
        r"(?<![\d.,])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)",
    ],
    "ID, last": [r"(?<![\d.,])\d{7,}(?!\d)"],  # nothing measured in a radiograph has seven digits
}  # fmt: skip


def compiled(patterns: dict[str, list[str]], flags: int = 0) -> list[tuple[str, re.Pattern[str]]]:
    """Return (kind, pattern) in order; "ID, last" is of the kind "ID": what comes first wins."""
    return [(kind.partition(",")[0], re.compile(text, flags)) for kind, texts in patterns.items() for text in texts]
