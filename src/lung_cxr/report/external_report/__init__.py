"""Report of an external validation: trained runs on the images of another hospital. Knows no Kedro."""
