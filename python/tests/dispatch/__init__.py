"""Django's dispatcher stays Django's, with background receivers among its receivers: requirements 1 to 29."""
