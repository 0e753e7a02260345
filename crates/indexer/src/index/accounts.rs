//! Accounts as they are. An account that is read at a slot replaces what is known of an earlier one, never of a later one,
//! so that answers may arrive in any order.

use std::collections::{BTreeMap, HashMap, HashSet};

use lumora_interface::Address;
use sqlx::Row as _;

use super::Index;
use crate::{
    catalog::{CATALOG, Program},
    chain::{AtSlot, RawAccount},
    database::{Step, Value, for_each_in, insert, select},
    error::Result,
    project::{Row, job_state, project, table},
};

/// Accounts as read at one slot; `None` for one that does not exist.
pub type Observed = AtSlot<Vec<(Address, Option<RawAccount>)>>;

/// What a comparison with the chain has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Accounts that exist.
    pub accounts: usize,
    /// Accounts that were not known, known differently, or known although they are gone.
    pub differences: usize,
}

impl Index {
    /// Compares with every account of a program. What is missing there and was known from before is gone.
    pub async fn reconcile(
        &self,
        program: &Program,
        snapshot: AtSlot<Vec<(Address, RawAccount)>>,
    ) -> Result<Reconciled> {
        let AtSlot { slot, value: accounts } = snapshot;
        let mut step = self.database.write().await?;
        let sql = "SELECT address, slot, data FROM accounts WHERE program = $1 AND data IS NOT NULL";
        let mut known: HashMap<String, (i64, Vec<u8>)> = HashMap::new();
        for row in select(&mut step, sql, vec![program.name.as_str().into()]).await? {
            known.insert(row.try_get("address")?, (row.try_get("slot")?, row.try_get("data")?));
        }
        let mut reconciled = Reconciled {
            accounts: accounts.len(),
            differences: 0,
        };
        let mut observed = Vec::new();
        for (address, account) in accounts {
            match known.remove(&address.to_string()) {
                Some((_, data)) if data == account.data => {}
                _ => observed.push((address, Some(account))),
            }
        }
        let limit = i64::try_from(slot).unwrap_or(i64::MAX);
        observed.extend(
            known
                .into_iter()
                .filter(|(_, (since, _))| *since <= limit)
                .filter_map(|(address, _)| Some((address.parse().ok()?, None))),
        );
        let observed = AtSlot { slot, value: observed };
        reconciled.differences = apply(&mut step, &observed).await?;
        step.commit().await?;
        Ok(reconciled)
    }

    /// Forgets that accounts are gone which were gone long before `slot`: nothing as old as they are can arrive any more.
    pub async fn forget_gone(&self, slot: u64) -> Result<()> {
        let mut step = self.database.write().await?;
        let sql = "DELETE FROM accounts WHERE data IS NULL AND slot < $1";
        crate::database::execute(&mut step, sql, vec![slot.into()]).await?;
        step.commit().await?;
        Ok(())
    }
}

/// Writes accounts as read at one slot. Gives how many were news.
pub(super) async fn apply(step: &mut Step, observed: &Observed) -> Result<usize> {
    let slot = observed.slot;
    let mut seen: HashSet<&Address> = HashSet::new();
    let mut rows = Vec::new();
    let mut projected: HashMap<String, Row> = HashMap::new();
    let mut gone = Vec::new();
    for (address, account) in &observed.value {
        if !seen.insert(address) {
            continue;
        }
        let known = account.as_ref().and_then(|account| {
            let program = CATALOG.program(&account.owner)?;
            Some((account, program, program.account(&account.data)?))
        });
        // An account that another program owns now is none of ours any more.
        let Some((account, program, layout)) = known else {
            gone.push(address.to_string());
            continue;
        };
        let projection = project(&layout.name, &account.data, slot);
        rows.push(vec![
            address.to_string().into(),
            program.name.as_str().into(),
            layout.name.as_str().into(),
            projection.parent.map(|parent| parent.to_string()).into(),
            slot.into(),
            account.data.clone().into(),
        ]);
        projected.extend(projection.row.map(|row| (address.to_string(), row)));
    }
    let written = insert(
        step,
        "INSERT INTO accounts (address, program, kind, parent, slot, data)",
        rows,
        "ON CONFLICT (address) DO UPDATE SET program = excluded.program, kind = excluded.kind, \
         parent = excluded.parent, slot = excluded.slot, data = excluded.data \
         WHERE accounts.slot <= excluded.slot RETURNING address",
    )
    .await?;
    let mut by_table: BTreeMap<&str, Vec<(String, Row)>> = BTreeMap::new();
    for row in &written {
        let address: String = row.try_get("address")?;
        if let Some(row) = projected.remove(&address) {
            by_table.entry(row.table).or_default().push((address, row));
        }
    }
    for (table, rows) in by_table {
        upsert(step, table, rows).await?;
    }
    let removed = remove(step, &gone, slot).await?;
    Ok(written.len() + removed)
}

/// Writes rows of one table.
async fn upsert(step: &mut Step, table: &str, rows: Vec<(String, Row)>) -> Result<()> {
    let Some(columns) = rows.first().map(|(_, row)| row.columns) else {
        return Ok(());
    };
    let assignments: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    // What also events write may already be of a later slot.
    let guard = if columns.contains(&"slot") {
        format!("WHERE {table}.slot <= excluded.slot")
    } else {
        String::new()
    };
    let head = format!("INSERT INTO {table} (address, {})", columns.join(", "));
    let tail = format!("ON CONFLICT (address) DO UPDATE SET {} {guard}", assignments.join(", "));
    let rows = rows.into_iter().map(|(address, row)| {
        let mut values: Vec<Value> = vec![address.into()];
        values.extend(row.values);
        values
    });
    insert(step, &head, rows.collect(), &tail).await?;
    Ok(())
}

/// Marks accounts as gone that were known up to `slot`. Gives how many there were.
async fn remove(step: &mut Step, addresses: &[String], slot: u64) -> Result<usize> {
    let removed = for_each_in(
        step,
        &format!(
            "UPDATE accounts SET data = NULL, slot = {slot} WHERE data IS NOT NULL AND slot <= {slot} AND address"
        ),
        addresses,
        "RETURNING address, kind",
    )
    .await?;
    let mut by_kind: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &removed {
        by_kind
            .entry(row.try_get("kind")?)
            .or_default()
            .push(row.try_get("address")?);
    }
    for (kind, addresses) in by_kind {
        // Jobs and purchases are kept; what remains to be told of them comes from their events.
        let before = match kind.as_str() {
            "Job" => format!(
                "UPDATE jobs SET state = '{}', live_assignments = 0, tombstones = 0 WHERE address",
                job_state::CLOSED
            ),
            // One that was open may have been refunded, or delivered and closed: money moved in the one way or the other,
            // and only its event tells which.
            "Purchase" => continue,
            _ => match table(&kind) {
                Some(table) => format!("DELETE FROM {table} WHERE address"),
                None => continue,
            },
        };
        for_each_in(step, &before, &addresses, "").await?;
    }
    Ok(removed.len())
}
