//! What `#[receiver]` says to somebody who has made a mistake.

#[test]
fn the_macro_explains_what_is_wrong() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[cfg(feature = "sea-orm")]
#[test]
fn what_a_model_cannot_do_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/models/*.rs");
}
