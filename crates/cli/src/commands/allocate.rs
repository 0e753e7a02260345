//! `lumora allocate`: tasks in proportion to bandwidth within the providers' limits, by the public formulas.

use clap::Args;
use lumora_core::{
    allocation::{by_capacity, capacity, with_load_ceiling},
    units::Kbps,
};
use serde::Serialize;

use crate::output::{Format, table};

// The worked example of the public formula.
const EXAMPLE: &str =
    "Example: lumora allocate --total 1000 --node 100:80 --node 120:100 --node 50:50\ngives 348, 435 and 217.";

#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub struct Arguments {
    /// Tasks to hand out.
    #[arg(long)]
    total: u64,
    /// A node: available bandwidth and the provider's limit, B:U, in the same unit.
    #[arg(long, value_parser = parse_node, required = true)]
    node: Vec<(u32, u32)>,
    /// Let no node pass 80 % of its capacity and share the overflow out again.
    #[arg(long)]
    load_ceiling: bool,
}

fn parse_node(text: &str) -> Result<(u32, u32), String> {
    text.split_once(':')
        .and_then(|(available, limit)| Some((available.parse().ok()?, limit.parse().ok()?)))
        .ok_or_else(|| format!("`{text}` is not B:U, two whole numbers such as 100:80"))
}

#[derive(Serialize)]
struct Allocation {
    capacities: Vec<u64>,
    tasks: Vec<u64>,
    unallocated: u64,
}

/// Runs the command.
pub fn run(arguments: &Arguments, format: Format) -> anyhow::Result<()> {
    let capacities: Vec<u64> = arguments
        .node
        .iter()
        .map(|(b, u)| u64::from(capacity(Kbps(*b), Kbps(*u)).0))
        .collect();
    let (tasks, unallocated) = if arguments.load_ceiling {
        let allocation = with_load_ceiling(arguments.total, &capacities);
        (allocation.tasks, allocation.unallocated)
    } else {
        let tasks = by_capacity(arguments.total, &capacities);
        let placed: u64 = tasks.iter().sum();
        (tasks, arguments.total.saturating_sub(placed))
    };
    format.print(
        &Allocation {
            capacities,
            tasks,
            unallocated,
        },
        |result| {
            let rows: Vec<Vec<String>> = arguments
                .node
                .iter()
                .zip(result.capacities.iter().zip(&result.tasks))
                .enumerate()
                .map(|(index, ((available, limit), (capacity, tasks)))| {
                    let cells = [u64::from(*available), u64::from(*limit), *capacity, *tasks].map(|n| n.to_string());
                    std::iter::once(format!("N{}", index + 1)).chain(cells).collect()
                })
                .collect();
            format!(
                "{}\n\n  {} tasks are left over",
                table(&["node", "bandwidth", "limit", "capacity", "tasks"], &rows),
                result.unallocated
            )
        },
    )
}
