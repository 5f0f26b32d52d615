"""The form of an article."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import slugify

from .models import Article

__all__ = ["ArticleForm"]

#: The most bytes of a picture.
MOST = 8 << 20


class ArticleForm(forms.ModelForm):
    """An article before it is published. Its address follows from its headline."""

    class Meta:
        model = Article
        fields = ("title", "author", "body", "picture")

    def clean_picture(self) -> Any:
        """Not too large. That it is a picture, Django has seen."""
        picture = self.cleaned_data["picture"]
        if picture and picture.size > MOST:
            raise forms.ValidationError(f"The picture is larger than {MOST >> 20} MB.")
        return picture

    def clean_title(self) -> str:
        """Makes the address of it."""
        title = self.cleaned_data["title"]
        self.instance.slug = slugify(title)
        if not self.instance.slug:
            raise forms.ValidationError("The headline has no letters.")
        if Article.objects.filter(slug=self.instance.slug).exists():
            raise forms.ValidationError("There is an article of this headline.")
        return title

    def save(self, commit: bool = True) -> Article:
        """With the first sentences as the summary."""
        self.instance.summary = self.cleaned_data["body"].partition("\n\n")[0][:300]
        return super().save(commit)
