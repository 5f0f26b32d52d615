//! The attribute `#[receiver]`, documented where it is re-exported: `signalpost::receiver`.

mod arguments;
mod expand;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use arguments::Arguments;

#[allow(missing_docs, reason = "documented where it is re-exported")]
#[proc_macro_attribute]
pub fn receiver(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    syn::parse::<Arguments>(arguments)
        .and_then(|arguments| expand::expand(&arguments, &function))
        .unwrap_or_else(|error| {
            let error = error.to_compile_error();
            // The function stays, so that the only error is the one that says what is wrong.
            quote::quote!(#function #error)
        })
        .into()
}
