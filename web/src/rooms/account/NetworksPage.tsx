import { Stack } from "../../ui/kit";
import { Page } from "../../ui/Page";
import { useT } from "../../i18n";
import { AddressSets } from "./AddressSets";
import { Networks } from "./Networks";

export default function NetworksPage() {
    const t = useT();
    return (
        <Page title={t("nav.networks")}>
            <Stack>
                <Networks />
                <AddressSets />
            </Stack>
        </Page>
    );
}
