"""Write clinical notes in Vietnamese and English with identifiers: name, telephone, dates, address and numbers."""

from numpy.random import Generator

from lung_cxr.synthetic.hospital.exams import Exam

FINDINGS = {
    "Pneumonia": ("đông đặc thùy phổi, có khí phế quản đồ", "lobar consolidation with air bronchogram"),
    "COVID-19": ("kính mờ ngoại vi hai bên", "bilateral peripheral ground-glass opacities"),
    "Tuberculosis": ("hang và nốt ở đỉnh phổi", "upper-zone cavities with nodules"),
    "Pleural Effusion": ("mờ góc sườn hoành, đường cong Damoiseau", "blunted costophrenic angle with a meniscus"),
    "Pneumothorax": ("thấy đường màng phổi, mất vân phổi ngoại vi", "visible pleural line, no markings beyond it"),
    "Pulmonary Edema": ("mờ hình cánh bướm quanh rốn phổi, tim to", "perihilar bat-wing haze and a large heart"),
    "Atelectasis": ("xẹp thùy phổi, kéo lệch trung thất", "lobar collapse with mediastinal shift"),
}
VIETNAMESE = (
    "Bệnh nhân {name}, mã BN {patient_id}, sinh ngày {birth}. Khám ngày {day}: {finding}. Liên hệ người nhà: {phone}.",
    "BN {name} ({sex}), địa chỉ {address}. X-quang ngực {day}: {finding}. CCCD {national_id}.",
    "Họ tên: {name_upper}\nSĐT: {phone}\nKết luận: {finding}. Tái khám sau 2 tuần.",
)
ENGLISH = (
    "Pt {name}, MRN {patient_id}, DOB {birth}. CXR on {day}: {finding}. Contact {phone}.",
    "{name} of {address} seen on {day}; film shows {finding}. ID card {national_id}.",
    "Mr/Mrs {name_ascii} called from {phone}. Study {study_id}: {finding}.",
    "{finding}. No previous film for comparison.",
)


def write_note(generator: Generator, exam: Exam) -> str:
    """Write the note of one study; one in ten has none."""
    if generator.random() < 0.1:
        return ""
    vietnamese = generator.random() < 0.6
    person = exam.person
    return str(generator.choice(VIETNAMESE if vietnamese else ENGLISH)).format(
        name=person.name,
        name_upper=person.name.upper(),
        name_ascii=exam.ascii_name,
        sex="nam" if person.sex == "M" else "nữ",
        patient_id=person.patient_id,
        study_id=exam.study_id,
        birth=f"{person.birth_date:%d/%m/%Y}",
        day=f"{exam.exam_date:%d/%m/%Y}",
        address=person.address,
        phone=f"{person.phone[:4]} {person.phone[4:7]} {person.phone[7:]}",
        national_id=person.national_id,
        finding=FINDINGS[exam.disease][0 if vietnamese else 1],
    )
