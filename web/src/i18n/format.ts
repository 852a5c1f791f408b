// How numbers, sizes and times read in the language one has chosen.
import { useStore } from "../api/store";
import { language, type Language } from "./index";

const steps = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(of: Language, value: number): string {
    let step = 0;
    let rest = value;
    while (Math.abs(rest) >= 1024 && step < steps.length - 1) {
        rest /= 1024;
        step++;
    }
    const digits = rest >= 100 || Number.isInteger(rest) ? 0 : 1;
    return `${number(of, rest, digits)} ${steps[step]}`;
}

// Traffic and storage as they are billed: in powers of ten.
export function decimal(of: Language, value: number): string {
    const names = ["B", "kB", "MB", "GB", "TB", "PB"];
    const step = Math.min(Math.max(Math.floor(Math.log10(Math.abs(value) || 1) / 3), 0), names.length - 1);
    return `${number(of, value / 1000 ** step, step === 0 ? 0 : 2)} ${names[step]}`;
}

export function number(of: Language, value: number, digits = 0): string {
    return new Intl.NumberFormat(of, { maximumFractionDigits: digits }).format(value);
}

// Money is a decimal string, of which no digit is lost.
export function money(of: Language, amount: string, currency: string): string {
    const digits = Math.min(Math.max(amount.split(".")[1]?.replace(/0+$/, "").length ?? 0, 2), 12);
    try {
        return new Intl.NumberFormat(of, { style: "currency", currency, minimumFractionDigits: digits }).format(Number(amount));
    } catch {
        return `${amount} ${currency}`;
    }
}

const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
];

export function ago(of: Language, time: string, now: number): string {
    const seconds = (Date.parse(time) - now) / 1000;
    const [unit, size] = units.find(([, one]) => Math.abs(seconds) >= one) ?? ["second", 1];
    const form = new Intl.RelativeTimeFormat(of, { numeric: "auto" });
    return form.format(Math.abs(seconds) < 10 ? 0 : Math.round(seconds / size), unit);
}

export function exact(of: Language, time: string): string {
    return new Intl.DateTimeFormat(of, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(time));
}

const daySeconds = 86_400;

export function month(of: Language, name: string): string {
    return new Intl.DateTimeFormat(of, { month: "long", year: "numeric", timeZone: "UTC" }).format(new Date(`${name}-01T00:00:00Z`));
}

// A day as bills count it.
export function day(of: Language, time: string): string {
    return new Intl.DateTimeFormat(of, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(time));
}

// Of a mark of a time axis whose marks are a step apart: as short as it can be and still say when.
export function tick(of: Language, seconds: number, step: number): string {
    const at = new Date(seconds * 1000);
    const midnight = at.getHours() === 0 && at.getMinutes() === 0;
    const form: Intl.DateTimeFormatOptions = step >= 28 * daySeconds ? { month: "short", year: "2-digit" } : step >= daySeconds || midnight ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
    return new Intl.DateTimeFormat(of, form).format(at);
}

export function moment(of: Language, seconds: number): string {
    return new Intl.DateTimeFormat(of, { dateStyle: "medium", timeStyle: "short" }).format(new Date(seconds * 1000));
}

export function duration(of: Language, seconds: number): string {
    const [unit, size] = units.find(([, one]) => seconds >= one) ?? ["second", 1];
    return new Intl.NumberFormat(of, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(seconds / size);
}

const rate: Record<string, string> = { bits_per_second: "bit/s", operations_per_second: "/s" };

export function measure(of: Language, value: number, unit: string): string {
    switch (unit) {
        case "bytes":
            return bytes(of, value);
        case "bytes_per_second":
            return `${bytes(of, value)}/s`;
        case "millicores":
            return `${number(of, value / 1000, 2)} vCPU`;
        case "bits_per_second":
            return value >= 1e6 ? `${number(of, value / 1e6, 1)} Mbit/s` : `${number(of, value / 1e3, 1)} kbit/s`;
        default:
            return `${number(of, value)}${rate[unit] ? ` ${rate[unit]}` : ""}`;
    }
}

export function useFormat() {
    const of = useStore(language);
    return {
        bytes: (value: number) => bytes(of, value),
        decimal: (value: number) => decimal(of, value),
        number: (value: number, digits?: number) => number(of, value, digits),
        money: (amount: string, currency: string) => money(of, amount, currency),
        ago: (time: string, now = Date.now()) => ago(of, time, now),
        exact: (time: string) => exact(of, time),
        month: (name: string) => month(of, name),
        day: (time: string) => day(of, time),
        tick: (seconds: number, step: number) => tick(of, seconds, step),
        moment: (seconds: number) => moment(of, seconds),
        duration: (seconds: number) => duration(of, seconds),
        measure: (value: number, unit: string) => measure(of, value, unit),
    };
}
