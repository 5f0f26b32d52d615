from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.test import override_settings

from signalpost.installation import is_installed


def test_the_app_is_installed_where_the_setting_names_it() -> None:
    assert is_installed()
    with override_settings(INSTALLED_APPS=[app for app in settings.INSTALLED_APPS if app != "signalpost"]):
        assert not is_installed()
    assert is_installed()


def test_a_test_case_with_available_apps_hides_the_app_and_takes_nothing_away() -> None:
    apps.set_available_apps(["tests.news"])
    try:
        assert not apps.is_installed("signalpost")
        assert is_installed()
    finally:
        apps.unset_available_apps()
