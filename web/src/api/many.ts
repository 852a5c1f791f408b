// One order for each of many things, each an order of its own: what one refuses keeps none of the others.
import { asProblem, type Problem } from "./problem";

export interface Refusal<V> {
    of: V;
    problem: Problem;
}

const together = 4;

// Resolves to what was refused, once all were asked.
export async function orderEach<V>(all: V[], order: (one: V) => Promise<unknown>): Promise<Refusal<V>[]> {
    const refused: Refusal<V>[] = [];
    const rest = [...all];
    const work = async () => {
        while (rest.length > 0) {
            const of = rest.shift()!;
            await order(of).catch((error: unknown) => refused.push({ of, problem: asProblem(error) }));
        }
    };
    await Promise.all(Array.from({ length: together }, work));
    return refused;
}
