//! The function, and beside it its registration.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, Expr, FnArg, ItemFn, Result, Type};

use crate::arguments::Arguments;

pub(crate) fn expand(arguments: &Arguments, function: &ItemFn) -> Result<TokenStream> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a receiver cannot be generic: it is registered by its name",
        ));
    }
    let mut parameters = signature.inputs.iter().map(|parameter| match parameter {
        FnArg::Typed(typed) => Ok(&*typed.ty),
        FnArg::Receiver(this) => Err(Error::new(
            this.span(),
            "methods are connected by hand: SIGNAL.connect_weak(options, &object, Type::method)",
        )),
    });
    let event = parameters.next().unwrap_or_else(|| {
        Err(Error::new(signature.paren_token.span.join(), "a receiver takes the event: `event: &Event<'_, Payload>`"))
    })?;
    let others: Vec<&Type> = parameters.collect::<Result<_>>()?;
    let connects = if arguments.flag("background").is_some() {
        background(arguments, function, matches!(event, Type::Reference(_)), &others)?
    } else {
        inline(arguments, function, event, &others)?
    };
    let order = arguments.option("order").map_or_else(|| quote!(0), |order| quote!(#order));
    Ok(quote! {
        #function

        const _: () = {
            #[track_caller]
            fn __signalpost_connect() -> ::core::result::Result<(), ::signalpost::RegistryError> {
                #connects
                ::core::result::Result::Ok(())
            }

            ::signalpost::__private::inventory::submit! {
                ::signalpost::__private::Registration {
                    order: #order,
                    module: ::core::module_path!(),
                    line: ::core::line!(),
                    connect: __signalpost_connect,
                }
            }
        };
    })
}

/// The expression of the name. Where it stands, nothing of ours may hide what the user means by it.
fn name(arguments: &Arguments, function: &ItemFn) -> TokenStream {
    let ident = &function.sig.ident;
    match arguments.option("name") {
        Some(name) => quote!(#name),
        None => quote!(::core::concat!(::core::module_path!(), "::", ::core::stringify!(#ident))),
    }
}

fn inline(arguments: &Arguments, function: &ItemFn, event: &Type, others: &[&Type]) -> Result<TokenStream> {
    if !matches!(event, Type::Reference(_)) {
        return Err(Error::new(
            event.span(),
            "without `background` a receiver borrows its event: `event: &Event<'_, Payload>`",
        ));
    }
    if let Some(other) = others.first() {
        return Err(Error::new(other.span(), "without `background` a receiver takes the event and nothing else"));
    }
    let (ident, name) = (&function.sig.ident, name(arguments, function));
    let connect = if function.sig.asyncness.is_some() { quote!(__connect_async) } else { quote!(__connect) };
    let sender = arguments.option("sender").map(|sender| quote!(.sender(#sender)));
    let dispatch_uid = arguments.option("dispatch_uid").map(|uid| quote!(.dispatch_uid(#uid)));
    let connects = arguments.signals.iter().map(|signal| {
        quote! {
            (&#signal).#connect(
                ::signalpost::ConnectOptions::new().name(#name) #sender #dispatch_uid,
                #ident,
            )?;
        }
    });
    Ok(quote!(#(#connects)*))
}

/// Those that are handed on to `BackgroundOptions` under the same name.
const OPTIONS: [&str; 9] =
    ["aliases", "sender", "queue", "priority", "max_attempts", "timeout", "backoff", "concurrency", "rate"];

fn background(arguments: &Arguments, function: &ItemFn, by_reference: bool, others: &[&Type]) -> Result<TokenStream> {
    let (ident, name) = (&function.sig.ident, name(arguments, function));
    let options = OPTIONS.into_iter().filter_map(|name| {
        let (method, value) = (format_ident!("{name}"), arguments.option(name)?);
        // The list is written without the `&` that makes it a slice.
        let reference = matches!(value, Expr::Array(_)).then(|| quote!(&));
        Some(quote!(.#method(#reference #value)))
    });
    let atomic = arguments.flag("atomic");
    if let (Some(atomic), None) = (atomic, function.sig.asyncness) {
        return Err(Error::new(
            atomic.span(),
            "an atomic receiver awaits its transaction: make it an `async fn`, and await what blocks with spawn_blocking",
        ));
    }
    let atomic = atomic.map(|_| quote!(.atomic(true)));
    let options = quote!(::signalpost::BackgroundOptions::new().name(#name) #(#options)* #atomic);
    let places: Vec<_> = (0..others.len()).map(|number| format_ident!("other_{number}")).collect();
    let event = if by_reference { quote!(&event) } else { quote!(event) };
    let outcome = if arguments.flag("keep_result").is_some() { quote!(kept_outcome) } else { quote!(outcome) };
    let (run, block, wait) = match function.sig.asyncness {
        Some(_) => (quote!(run_async), quote!(async move), quote!(.await)),
        None => (quote!(run_blocking), quote!(), quote!()),
    };
    let is_blocking = function.sig.asyncness.is_none();
    let connects = arguments.signals.iter().map(|signal| {
        quote! {
            ::signalpost::__private::assert_payload(&#signal);
            (&#signal).__connect_background(
                #options,
                ::signalpost::__private::Declared {
                    is_blocking: #is_blocking,
                    needs: ::std::vec![#(<#others as ::signalpost::FromRun>::needs()),*],
                },
                |run| ::signalpost::__private::#run(run, |run| #block {
                    let payload = ::signalpost::__private::payload_for(&#signal, &run)?;
                    let sender = run.sender();
                    let event = run.event(&sender, &payload);
                    #(let #places: #others = ::signalpost::FromRun::from_run(&run)?;)*
                    ::signalpost::__private::#outcome(#ident(#event, #(#places),*) #wait)
                }),
            )?;
        }
    });
    Ok(quote!(#(#connects)*))
}
