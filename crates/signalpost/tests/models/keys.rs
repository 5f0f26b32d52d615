//! Models with keys of any shape, through a whole life.

use crate::news::{badge, parcel, seat};
use crate::on_each_database;
use crate::site::{Place, Site};
use sea_orm::ActiveValue::Set;
use sea_orm::{DatabaseConnection, EntityTrait, IdenStatic, IntoActiveModel, Iterable};
use signalpost::models::{DeleteAndSend, SaveAndSend, SignalEntity};
use signalpost::{BoxError, Instance, Load, Model};

on_each_database! {
    a_model_is_found_by_a_text
    a_model_is_found_by_two_columns
    a_model_is_found_by_four_columns
    a_key_that_is_partly_given_is_no_key
}

async fn a_model_is_found_by_a_text<P: Place>() {
    let site = Site::<P>::new().await;
    let model = badge::Model { code: "a\"'7".to_owned(), owner: "Ada".to_owned() };
    live::<badge::Entity>(&site, model, r#"{"model":"news.Badge","key":"a\"'7"}"#).await.unwrap();
}

async fn a_model_is_found_by_two_columns<P: Place>() {
    let site = Site::<P>::new().await;
    let model = seat::Model { line: "K".to_owned(), number: 7, owner: "Ada".to_owned() };
    live::<seat::Entity>(&site, model, r#"{"model":"news.Seat","key":["K",7]}"#).await.unwrap();
}

async fn a_model_is_found_by_four_columns<P: Place>() {
    let site = Site::<P>::new().await;
    let (office, owner) = ("Harrow Quay".to_owned(), "Ada".to_owned());
    let model = parcel::Model { year: 1843, office, number: i64::MAX, is_express: true, owner };
    let json = r#"{"model":"news.Parcel","key":[1843,"Harrow Quay",9223372036854775807,true]}"#;
    live::<parcel::Entity>(&site, model, json).await.unwrap();
}

/// Inserts and deletes it, each with its tasks, and reads it by what has travelled.
async fn live<E: SignalEntity<Model: PartialEq>>(
    site: &Site<impl Place>,
    model: E::Model,
    json: &str,
) -> Result<(), BoxError>
where
    DatabaseConnection: Load<E::Model>,
{
    let instance = Instance::of(&model);
    assert_eq!(serde_json::to_string(&instance)?, json);
    let arrived: Instance<E::Model> = serde_json::from_str(json)?;
    let (key, label) = (format!("{:?}", arrived.pk()), <E::Model as Model>::LABEL);
    assert_eq!(key, format!("{:?}", model.key()));

    let inserted = site.within(model.clone().into_active_model().insert_and_send(&site.database)).await?;
    assert!(inserted == model && arrived.load(&site.database).await?.is_some_and(|found| found == model));
    let columns: Vec<String> = told_columns::<E>();
    assert_eq!(site.drain().await, [format!("{label}.post_save saved {key} new {}: there", columns.join(","))]);

    let gone = site.within(inserted.delete_and_send(&site.database)).await?;
    assert!(gone.is_some_and(|gone| gone == model) && arrived.load(&site.database).await?.is_none());
    assert_eq!(site.drain().await, [format!("{label}.post_delete deleted {key} -")]);
    Ok(())
}

fn told_columns<E: EntityTrait>() -> Vec<String> {
    E::Column::iter().map(|column| column.as_str().to_owned()).collect()
}

async fn a_key_that_is_partly_given_is_no_key<P: Place>() {
    let site = Site::<P>::new().await;
    let seat = seat::ActiveModel { line: Set("K".to_owned()), ..Default::default() };
    let error = site.within(seat.delete_and_send(&site.database)).await.unwrap_err();
    assert!(error.to_string().contains("key not set"), "{error}");
    assert!(site.told().is_empty());
}
