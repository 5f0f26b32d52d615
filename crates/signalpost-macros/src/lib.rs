//! The attribute `#[receiver]` of [signalpost](https://docs.rs/signalpost), where it is documented.

mod arguments;
mod expand;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use arguments::Arguments;

/// Connects a function to a signal. See `signalpost::receiver`.
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
