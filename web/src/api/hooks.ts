// How rooms read and change. Keys begin with the noun that stream.ts knows.
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient, type QueryKey } from "@tanstack/react-query";
import { useRef } from "react";
import { randomId, type Answer } from "./client";
import { asProblem, type Problem } from "./problem";
import { live } from "./stream";
import { useStore } from "./store";

const clockMs = 30_000; // how often lists are read while no event says when

const useClock = () => {
    const state = useStore(live);
    return state === "live" || state === "connecting" ? false : clockMs;
};

interface Options<T = unknown> {
    enabled?: boolean;
    every?: number | ((value: T | undefined) => number | false); // ms, of what no event tells
    keep?: boolean; // shows the last one while another is read
}

export function useOne<T>(key: QueryKey, read: () => Promise<Answer<T>>, options: Options<T> = {}) {
    const { every } = options;
    const clock = useClock();
    const query = useQuery<Answer<T>, Problem>({
        queryKey: key,
        queryFn: read,
        enabled: options.enabled ?? true,
        refetchInterval: typeof every === "function" ? (one) => every(one.state.data?.data) || clock : (every ?? clock),
        placeholderData: options.keep ? keepPreviousData : undefined,
    });
    return { ...query, value: query.data?.data, etag: query.data?.etag };
}

export interface PageOf<T> {
    items: T[];
    next_cursor: string | null;
}

// A list, page after page; `more` reads the next one.
export function useList<T>(key: QueryKey, read: (cursor: string | undefined) => Promise<PageOf<T>>, options: { enabled?: boolean; keep?: boolean; every?: (items: T[] | undefined) => number | false } = {}) {
    const clock = useClock();
    const query = useInfiniteQuery<PageOf<T>, Problem, { pages: PageOf<T>[] }, QueryKey, string | undefined>({
        queryKey: key,
        queryFn: ({ pageParam }) => read(pageParam),
        initialPageParam: undefined,
        getNextPageParam: (last) => last.next_cursor ?? undefined,
        enabled: options.enabled ?? true,
        refetchInterval: (one) => options.every?.(one.state.data?.pages.flatMap((page) => page.items)) || clock,
        placeholderData: options.keep === false ? undefined : keepPreviousData,
    });
    return {
        items: query.data?.pages.flatMap((page) => page.items),
        problem: query.error ?? undefined,
        pending: query.isPending,
        stale: query.isPlaceholderData,
        retry: (): void => void query.refetch(),
        more: query.hasNextPage ? (): void => void query.fetchNextPage() : undefined,
        loadingMore: query.isFetchingNextPage,
    };
}

export type List<T> = ReturnType<typeof useList<T>>;

interface ActionOptions<I, O> {
    done?: (output: O, input: I) => void;
    stale?: string[]; // roots of what it changes
}

// A change. `run` resolves to whether it went well; `problem` is what to show where the hand is. `key` is for the Idempotency-Key: it
// stays the same while nobody knows whether the order was taken, so that trying again makes no second thing.
export function useAction<I = undefined, O = unknown>(change: (input: I, key: string) => Promise<O>, options: ActionOptions<I, O> = {}) {
    const queries = useQueryClient();
    const key = useRef(randomId());
    const mutation = useMutation<O, Problem, I>({
        mutationFn: async (input) => {
            try {
                return await change(input, key.current);
            } catch (error) {
                throw asProblem(error);
            }
        },
        onSettled: (_output, problem) => {
            if (!problem?.passing) {
                key.current = randomId();
            }
            const roots = new Set(options.stale ?? []);
            // After a 412 the newer version is read; after others nothing has changed.
            if (!problem || problem.status === 412 || problem.status === 409) {
                void queries.invalidateQueries({ predicate: (query) => roots.has(String(query.queryKey[0])) });
            }
        },
        onSuccess: options.done && ((output, input) => options.done!(output, input)),
    });
    const run = async (input: I): Promise<boolean> => {
        try {
            await mutation.mutateAsync(input);
            return true;
        } catch {
            return false;
        }
    };
    return { run, busy: mutation.isPending, problem: mutation.error ?? undefined, output: mutation.data, reset: mutation.reset };
}
