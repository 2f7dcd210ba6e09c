//! Devices: their names, tokens' hashes, and when they were last seen.

use futures_util::TryStreamExt;
use mongodb::bson::doc;

use super::{
    document::{DeviceDocument, date},
    error::{is_duplicate, within},
    schema::Collections,
};
use crate::{
    chat::Moment,
    store::{Device, Result, StoreError},
};

pub async fn all(collections: &Collections) -> Result<Vec<Device>> {
    let finding = async {
        let found = collections.devices.find(doc! {}).sort(doc! { "_id": 1 }).await?;
        found.try_collect::<Vec<_>>().await
    };
    Ok(within(finding).await?.into_iter().map(Device::from).collect())
}

pub async fn find(collections: &Collections, name: &str) -> Result<Option<Device>> {
    let found = within(collections.devices.find_one(doc! { "_id": name })).await?;
    Ok(found.map(Device::from))
}

pub async fn add(collections: &Collections, device: &Device) -> Result<()> {
    match within(collections.devices.insert_one(DeviceDocument::from(device))).await {
        Ok(_) => Ok(()),
        Err(error) if is_duplicate(&error) => {
            let same =
                |there: Device| there.token_hash == device.token_hash && there.uid == device.uid;
            match find(collections, &device.name).await?.is_some_and(same) {
                true => Ok(()),
                false => Err(StoreError::Exists),
            }
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn remove(collections: &Collections, name: &str) -> Result<()> {
    match within(collections.devices.delete_one(doc! { "_id": name })).await?.deleted_count {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

pub async fn seen(collections: &Collections, name: &str, at: Moment) -> Result<()> {
    let seen = doc! { "$set": { "lastSeen": date(at) } };
    within(collections.devices.update_one(doc! { "_id": name }, seen)).await?;
    Ok(())
}
