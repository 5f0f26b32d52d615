//! What `#[receiver]` says to somebody who has made a mistake.

#[test]
fn the_macro_explains_what_is_wrong() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
