// An amount of money as people type it, with a comma or a point; it stays a decimal string.
export const isAmount = (text: string) => /^\d{1,9}([.,]\d{1,4})?$/.test(text) && Number(text.replace(",", ".")) > 0;
export const amountOf = (text: string) => text.replace(",", ".");
