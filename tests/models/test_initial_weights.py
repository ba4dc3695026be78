"""Where weights come from when there is a network, when there is none, and when it is silent."""

import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from lung_cxr.models import initial_weights
from lung_cxr.models.initial_weights import DEMO, IMAGENET, RANDOM, is_failed_download, places_to_try, server_answers


@pytest.mark.parametrize(
    ("weights", "places"), [(None, [RANDOM]), ("imagenet", [IMAGENET]), ("auto", [IMAGENET, RANDOM]), ("demo", [DEMO])]
)
def test_places_are_tried_in_order(monkeypatch, weights, places):
    monkeypatch.delenv("LUNG_CXR_WEIGHTS", raising=False)
    assert places_to_try(weights, "mobilenet") == places


def test_auto_prefers_the_folder_of_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("LUNG_CXR_WEIGHTS", str(tmp_path))
    assert places_to_try("auto", "vgg16") == [IMAGENET, RANDOM]  # the folder has no file of it
    file = tmp_path / "vgg16_imagenet_notop.weights.h5"
    file.touch()
    [place] = places_to_try("auto", "vgg16")
    assert (place.file, place.source) == (file, file.name)


def test_the_package_ships_the_weights_of_the_demo(build, project):
    file = project / "conf/demo/parameters_backbones.yml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))["backbones"]["mobilenet"]
    assert settings["weights"] == "demo"
    assert build("mobilenet", **settings).weights_source == DEMO.source
    assert DEMO.file.stat().st_size < 1.5e6
    with pytest.raises(ValueError, match="demo_mobilenet"):
        build("mobilenet", **settings | {"options": {"alpha": 0.5}})


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """No server, and an empty cache."""
    monkeypatch.delenv("LUNG_CXR_WEIGHTS", raising=False)
    monkeypatch.setattr(initial_weights, "server_answers", lambda *_: False)

    def refuse(*_):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


@pytest.mark.usefixtures("no_network")
def test_auto_without_a_network_goes_on_from_random_weights_and_says_so(build, caplog):
    with caplog.at_level(logging.WARNING):
        classifier = build("mobilenet", weights="auto")
    assert classifier.weights_source == "random"
    [warning] = classifier.warnings
    assert "could not be downloaded" in warning
    assert warning in caplog.text
    assert classifier.weights_sha256 == build("mobilenet", weights=None).weights_sha256


@pytest.mark.usefixtures("no_network")
def test_imagenet_without_a_network_is_an_error_that_says_what_to_do(build):
    with pytest.raises(ConnectionError, match=r"backbones\.mobilenet\.weights: <path>"):
        build("mobilenet", weights="imagenet")


@pytest.mark.usefixtures("no_network")
def test_a_wrong_option_is_no_failed_download(build):
    with pytest.raises(ValueError, match="alpha"):
        build("mobilenet", weights="auto", options={"alpha": 0.3})
    assert not is_failed_download(ValueError("alpha"))


def test_a_silent_server_is_waited_for_no_longer_than_told():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, says nothing
        begin = time.monotonic()
        assert not server_answers(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.2)
        assert time.monotonic() - begin < 2


def test_not_found_is_an_answer():
    class NotFound(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), NotFound) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert server_answers(f"http://127.0.0.1:{server.server_port}/", timeout=5)


def test_the_socket_timeout_is_put_back(monkeypatch):
    monkeypatch.setattr(initial_weights, "server_answers", lambda *_: False)
    before = socket.getdefaulttimeout()
    with initial_weights.download_timeout(IMAGENET):
        assert socket.getdefaulttimeout() == initial_weights.NO_ANSWER_TIMEOUT
    assert socket.getdefaulttimeout() == before
    with initial_weights.download_timeout(RANDOM):
        assert socket.getdefaulttimeout() == before
