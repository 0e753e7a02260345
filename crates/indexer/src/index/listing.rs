//! Which transactions there are: a program's listing is walked from its newest transaction back to where the last walk
//! began, and what is found waits to be read in the order of the chain.

use lumora_interface::Address;
use sqlx::Row as _;

use super::Index;
use crate::{
    chain::{Listed, PAGE},
    database::{Value, execute, for_each_in, insert, optional_unsigned, select, unsigned},
    error::Result,
};

/// How far a program's transactions are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The newest transaction up to which all are listed; `None` when a listing is to run down to `newest_slot`.
    pub newest: Option<String>,
    /// Its slot.
    pub newest_slot: u64,
    /// A walk that is under way: the transaction with which it began, and the oldest that it has come to.
    pub walk: Option<(Listed, String)>,
    /// Transactions that the walk has found so far.
    pub listed: u64,
}

/// What one page of a listing leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The cursor from now on.
    pub cursor: Cursor,
    /// What the page adds, newest first.
    pub found: Vec<Listed>,
    /// Whether the walk has arrived.
    pub complete: bool,
}

impl Cursor {
    /// What to ask for next: transactions before the first, down to the second.
    pub fn request(&self) -> (Option<&str>, Option<&str>) {
        let before = self.walk.as_ref().map(|(_, before)| before.as_str());
        (before, self.newest.as_deref())
    }

    /// Takes a page. A node that is behind, or that does not know the newest transaction any more, would list everything
    /// from the beginning again: the walk ends at the slot where the last one began, whatever the node says.
    pub fn advance(&self, page: Vec<Listed>) -> Listing {
        let full = page.len() >= PAGE;
        let count = page.len();
        let found: Vec<Listed> = page
            .into_iter()
            .take_while(|listed| listed.slot >= self.newest_slot)
            .filter(|listed| Some(&listed.signature) != self.newest.as_ref())
            .collect();
        let complete = !full || found.len() < count;
        let head = self.walk.as_ref().map(|(head, _)| head).or(found.first()).cloned();
        let last = found.last().map(|listed| listed.signature.clone());
        let cursor = match (complete, head, last) {
            (false, Some(head), Some(last)) => Self {
                walk: Some((head, last)),
                listed: self.listed.saturating_add(found.len() as u64),
                ..self.clone()
            },
            (_, Some(head), _) => Self {
                newest_slot: head.slot,
                newest: Some(head.signature),
                ..Self::default()
            },
            (_, None, _) => self.clone(),
        };
        Listing {
            cursor,
            found,
            complete,
        }
    }

    /// The same, to walk over the latest `slots` once more: what a node had not shown then is found now.
    pub fn again(&self, slots: u64) -> Self {
        Self {
            newest: None,
            newest_slot: self.newest_slot.saturating_sub(slots),
            ..self.clone()
        }
    }
}

impl Index {
    /// How far a program's transactions are listed.
    pub async fn cursor(&self, program: &Address) -> Result<Cursor> {
        let mut step = self.database.read().await?;
        let sql = "SELECT newest_signature, newest_slot, head_signature, head_slot, before_signature, listed \
                   FROM listings_of_programs WHERE program = $1";
        let rows = select(&mut step, sql, vec![program.to_string().into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(Cursor::default());
        };
        let head: Option<String> = row.try_get("head_signature")?;
        let before: Option<String> = row.try_get("before_signature")?;
        let head = head.zip(optional_unsigned(row, "head_slot")?);
        Ok(Cursor {
            newest: row.try_get("newest_signature")?,
            newest_slot: unsigned(row, "newest_slot")?,
            walk: head.zip(before).map(|((signature, slot), before)| {
                let head = Listed {
                    signature,
                    slot,
                    index: None,
                };
                (head, before)
            }),
            listed: unsigned(row, "listed")?,
        })
    }

    /// Keeps what a page led to. `listed` is the number of transactions that the walk had found before.
    pub async fn keep_listing(&self, program: &Address, listing: &Listing, listed: u64) -> Result<()> {
        let mut step = self.database.write().await?;
        let rows = listing.found.iter().zip(listed..).map(|(found, older)| {
            // Newer transactions of a slot rank higher: by their place in the block, or else by that in the listing, which
            // says nothing about those of another program.
            let in_listing = || i64::try_from(older).map_or(i64::MIN, i64::wrapping_neg);
            let rank = found.index.map_or_else(in_listing, i64::from);
            vec![found.signature.as_str().into(), found.slot.into(), rank.into()]
        });
        let rows = rows.collect();
        insert(
            &mut step,
            "INSERT INTO pending (signature, slot, rank)",
            rows,
            "ON CONFLICT (signature) DO NOTHING",
        )
        .await?;
        let signatures: Vec<String> = listing.found.iter().map(|found| found.signature.clone()).collect();
        for_each_in(
            &mut step,
            "DELETE FROM pending WHERE signature",
            &signatures,
            "AND EXISTS (SELECT 1 FROM transactions read WHERE read.signature = pending.signature)",
        )
        .await?;
        let (head, before) = listing.cursor.walk.clone().unzip();
        let row: Vec<Value> = vec![
            program.to_string().into(),
            listing.cursor.newest.clone().into(),
            listing.cursor.newest_slot.into(),
            head.as_ref().map(|head| head.signature.clone()).into(),
            Value::Number(head.and_then(|head| i64::try_from(head.slot).ok())),
            before.into(),
            listing.cursor.listed.into(),
        ];
        insert(
            &mut step,
            "INSERT INTO listings_of_programs \
             (program, newest_signature, newest_slot, head_signature, head_slot, before_signature, listed)",
            vec![row],
            "ON CONFLICT (program) DO UPDATE SET newest_signature = excluded.newest_signature, \
             newest_slot = excluded.newest_slot, head_signature = excluded.head_signature, \
             head_slot = excluded.head_slot, before_signature = excluded.before_signature, listed = excluded.listed",
        )
        .await?;
        step.commit().await?;
        Ok(())
    }

    /// The next transactions to read, oldest first, up to a slot.
    pub async fn pending(&self, up_to: u64, most: u32) -> Result<Vec<Listed>> {
        let mut step = self.database.read().await?;
        let sql =
            format!("SELECT signature, slot FROM pending WHERE slot <= $1 ORDER BY slot, rank, signature LIMIT {most}");
        select(&mut step, sql, vec![up_to.into()])
            .await?
            .iter()
            .map(|row| {
                Ok(Listed {
                    signature: row.try_get("signature")?,
                    slot: unsigned(row, "slot")?,
                    index: None,
                })
            })
            .collect()
    }

    /// Forgets a walk's mark, so that the next one covers the latest `slots` once more.
    pub async fn list_again(&self, program: &Address, slots: u64) -> Result<()> {
        let again = self.cursor(program).await?.again(slots);
        let mut step = self.database.write().await?;
        let sql = "UPDATE listings_of_programs SET newest_signature = NULL, newest_slot = $1 WHERE program = $2";
        let values = vec![again.newest_slot.into(), program.to_string().into()];
        execute(&mut step, sql, values).await?;
        step.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(slots: impl IntoIterator<Item = u64>) -> Vec<Listed> {
        let listed = slots.into_iter().map(|slot| Listed {
            signature: format!("s{slot}"),
            slot,
            index: None,
        });
        listed.collect()
    }

    #[test]
    fn a_walk_goes_from_page_to_page_and_ends_where_it_began() {
        let start = Cursor {
            newest: Some("s10".into()),
            newest_slot: 10,
            ..Cursor::default()
        };
        let newest = 10 + PAGE as u64 + 500;
        let first = start.advance(listed((newest - PAGE as u64 + 1..=newest).rev()));
        assert!(!first.complete);
        assert_eq!(first.cursor.request(), (Some("s511"), Some("s10")));
        assert_eq!(first.cursor.listed, PAGE as u64);

        let second = first.cursor.advance(listed((11..=510).rev()));
        assert!(second.complete);
        assert_eq!(second.found.len(), 500);
        assert_eq!(second.cursor.newest.as_deref(), Some("s1510"));
        assert_eq!((second.cursor.newest_slot, second.cursor.listed), (newest, 0));
        assert_eq!(second.cursor.request(), (None, Some("s1510")));
    }

    #[test]
    fn a_node_that_lists_everything_again_is_cut_short() {
        let start = Cursor {
            newest: Some("gone".into()),
            newest_slot: 5_000,
            ..Cursor::default()
        };
        let page = start.advance(listed((4_002..=5_001).rev()));
        assert!(page.complete, "the page was full, but reached below the newest slot");
        assert_eq!(page.found, listed([5_001, 5_000]));
        assert_eq!(page.cursor.newest.as_deref(), Some("s5001"));
    }

    #[test]
    fn a_node_that_is_behind_moves_nothing_back() {
        let start = Cursor {
            newest: Some("s90".into()),
            newest_slot: 90,
            ..Cursor::default()
        };
        for page in [listed([]), listed([80, 70])] {
            let listing = start.advance(page);
            assert_eq!((listing.cursor, listing.found.len()), (start.clone(), 0));
            assert!(listing.complete);
        }
    }

    #[test]
    fn walking_again_covers_what_lies_just_behind() {
        let start = Cursor {
            newest: Some("s90".into()),
            newest_slot: 90,
            ..Cursor::default()
        };
        let again = start.again(20);
        assert_eq!(again.request(), (None, None));
        let listing = again.advance(listed([91, 90, 75, 69]));
        assert_eq!(listing.found, listed([91, 90, 75]));
        assert_eq!(listing.cursor.newest.as_deref(), Some("s91"));
    }
}
