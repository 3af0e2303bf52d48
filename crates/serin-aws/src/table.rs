//! The table: claims, which alarm guards what, timelines. Every write of a claim is conditional, every read consistent.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{transact_write_items::TransactWriteItemsError, update_item::UpdateItemError},
    types::{Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};
use jiff::{SignedDuration, Timestamp};
use serin_core::{
    claim::{Change, Claim, Guard},
    ids::{AlarmArn, RolloutId, StageId},
    timeline::Entry,
    timing::{FREE_AFTER, SWITCH_OVER, later},
};
use serin_steps::ports::{CallError, Called, Claims, Guarded, Written};

use crate::{
    call,
    config::{Config, ConfigError},
    item::{self, Expression, Item, text},
};

/// How long a timeline is kept.
const HISTORY: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The DynamoDB table.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table that the variable `TABLE_NAME` names.
    ///
    /// # Errors
    /// Where it is not set.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            client: Client::new(&config.sdk),
            name: Config::variable("TABLE_NAME")?,
        })
    }

    async fn get(&self, key: Item) -> Called<Option<Item>> {
        let call = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(true);
        Ok(call.send().await.map_err(|error| call::error("GetItem", error))?.item)
    }

    /// Whether a transaction's conditions held.
    async fn transact(&self, items: Vec<TransactWriteItem>) -> Called<bool> {
        let call = self.client.transact_write_items().set_transact_items(Some(items));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if condition_failed(error.err()) => Ok(false),
            Err(SdkError::ServiceError(error)) if error.err().is_transaction_canceled_exception() => {
                Err(CallError::Unavailable(format!("TransactWriteItems: {:?}", error.err())))
            }
            Err(error) => Err(call::error("TransactWriteItems", error)),
        }
    }

    fn put(&self, item: Item) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.name).set_item(Some(item))
    }

    /// Takes the claim's alarms off its stage. Only whoever holds the claim writes them, so they need no condition.
    fn alarms_off(&self, claim: &Claim) -> Called<Vec<TransactWriteItem>> {
        let delete = |key| {
            Delete::builder()
                .table_name(&self.name)
                .set_key(Some(key))
                .build()
                .map_err(built)
        };
        let keys = claim
            .alarms
            .iter()
            .map(|alarm| item::alarm_key(alarm.arn.as_str(), &claim.stage));
        keys.map(|key| Ok(TransactWriteItem::builder().delete(delete(key)?).build()))
            .collect()
    }

    /// An end: the claim and its alarms in one transaction. The alarms of a claim never change, so reading them first is safe.
    async fn end(&self, stage: &StageId, guard: &Guard, change: &Change) -> Called<Written> {
        let Some(claim) = self.read(stage).await? else {
            return Ok(Written::Lost(None));
        };
        if !guard.admits(&claim) {
            return Ok(Written::Lost(Some(Box::new(claim))));
        }
        let mut expression = Expression::default();
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(item::claim_key(stage)))
            .condition_expression(expression.guard(guard))
            .update_expression(expression.change(change))
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .build()
            .map_err(built)?;
        let mut items = vec![TransactWriteItem::builder().update(update).build()];
        items.extend(self.alarms_off(&claim)?);
        if self.transact(items).await? {
            return Ok(Written::Done(Box::new(change.apply(&claim))));
        }
        Ok(Written::Lost(self.read(stage).await?.map(Box::new)))
    }
}

fn built(error: impl std::fmt::Display) -> CallError {
    CallError::Rejected(error.to_string())
}

fn condition_failed(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
        return false;
    };
    canceled
        .cancellation_reasons()
        .iter()
        .any(|reason| reason.code() == Some("ConditionalCheckFailed"))
}

impl Claims for Table {
    async fn read(&self, stage: &StageId) -> Called<Option<Claim>> {
        self.get(item::claim_key(stage))
            .await?
            .as_ref()
            .map(item::claim)
            .transpose()
    }

    async fn take(&self, claim: &Claim, now: Timestamp) -> Called<bool> {
        let mut free = Expression::default();
        let before = |duration| now.checked_sub(duration).unwrap_or(Timestamp::MIN);
        let condition = free.free(before(FREE_AFTER), before(SWITCH_OVER));
        let claimed = self
            .put(item::claim_item(claim))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(free.names))
            .set_expression_attribute_values(Some(free.values));
        let mut rollout = item::rollout_key(&claim.rollout_id);
        rollout.extend(item::ownership(claim));
        let once = self.put(rollout).condition_expression("attribute_not_exists(pk)");
        let mut puts = vec![claimed, once];
        for alarm in &claim.alarms {
            let mut guard = item::alarm_key(alarm.arn.as_str(), &claim.stage);
            guard.extend(item::ownership(claim));
            puts.push(self.put(guard));
        }
        let item = |put: aws_sdk_dynamodb::types::builders::PutBuilder| {
            Ok(TransactWriteItem::builder().put(put.build().map_err(built)?).build())
        };
        self.transact(puts.into_iter().map(item).collect::<Called<_>>()?).await
    }

    async fn change(&self, stage: &StageId, guard: &Guard, change: &Change) -> Called<Written> {
        if change.ended_at.is_some() {
            return self.end(stage, guard, change).await;
        }
        let mut expression = Expression::default();
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::claim_key(stage)))
            .condition_expression(expression.guard(guard))
            .update_expression(expression.change(change))
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match call.send().await {
            Ok(answer) => {
                let new = answer.attributes.as_ref().map(item::claim).transpose()?;
                let new =
                    new.ok_or_else(|| CallError::Unavailable("UpdateItem: an answer without the item".to_owned()))?;
                Ok(Written::Done(Box::new(new)))
            }
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let UpdateItemError::ConditionalCheckFailedException(failed) = error.into_err() else {
                    return Ok(Written::Lost(None));
                };
                Ok(Written::Lost(failed.item().map(item::claim).transpose()?.map(Box::new)))
            }
            Err(error) => Err(call::error("UpdateItem", error)),
        }
    }

    async fn give_back(&self, claim: &Claim, guard: &Guard) -> Called<bool> {
        let mut expression = Expression::default();
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(item::claim_key(&claim.stage)))
            .condition_expression(expression.guard(guard))
            .set_expression_attribute_names(Some(expression.names))
            .set_expression_attribute_values(Some(expression.values))
            .build()
            .map_err(built)?;
        let mut items = vec![TransactWriteItem::builder().delete(delete).build()];
        items.extend(self.alarms_off(claim)?);
        self.transact(items).await
    }

    async fn guarded_by(&self, alarm: &AlarmArn) -> Called<Vec<Guarded>> {
        let call = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :alarm")
            .expression_attribute_values(":alarm", text(format!("ALARM#{alarm}")))
            .consistent_read(true);
        let mut pages = call.into_paginator().send();
        let mut guarded = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(|error| call::error("Query", error))?.items() {
                guarded.push(item::guarded(item)?);
            }
        }
        Ok(guarded)
    }

    async fn stage_of(&self, rollout: &RolloutId) -> Called<Option<StageId>> {
        self.get(item::rollout_key(rollout))
            .await?
            .as_ref()
            .map(item::stage)
            .transpose()
    }

    async fn watched(&self) -> Called<Vec<StageId>> {
        let call = self
            .client
            .query()
            .table_name(&self.name)
            .index_name("watched")
            .key_condition_expression("watched = :yes")
            .expression_attribute_values(":yes", text("yes"));
        let mut pages = call.into_paginator().send();
        let mut stages = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call::error("Query", error))?;
            stages.extend(page.items().iter().filter_map(item::stage_of_key));
        }
        Ok(stages)
    }

    async fn unwatch(&self, stage: &StageId, rollout: &RolloutId) -> Called<()> {
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::claim_key(stage)))
            .condition_expression("rolloutId = :rollout AND attribute_exists(endedAt)")
            .update_expression("REMOVE watched")
            .expression_attribute_values(":rollout", text(rollout.as_str()));
        match call.send().await {
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            answer => answer.map(drop).map_err(|error| call::error("UpdateItem", error)),
        }
    }

    async fn record(&self, entry: &Entry) -> Called<()> {
        let attributes = entry.attributes().map_err(built)?.into_iter();
        let mut item: Item = attributes.map(|(name, value)| (name, text(value))).collect();
        item.extend(item::key(
            format!("ROLLOUT#{}", entry.rollout_id),
            &format!("AT#{:.3}#{}", entry.at, entry.by),
        ));
        let expires = later(entry.at, HISTORY).as_second();
        item.insert(
            "expiresAt".to_owned(),
            aws_sdk_dynamodb::types::AttributeValue::N(expires.to_string()),
        );
        let call = self.client.put_item().table_name(&self.name).set_item(Some(item));
        call.send()
            .await
            .map(drop)
            .map_err(|error| call::error("PutItem", error))
    }
}
