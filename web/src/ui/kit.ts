// The parts of the component kit that rooms may use as they are.
export {
    ActionIcon, Alert, Anchor, Button, Checkbox, Code, Collapse, Divider, FileButton, Grid, Group, Menu, MultiSelect, NumberInput, PasswordInput, SegmentedControl,
    Select, SimpleGrid, Stack, Switch, TagsInput, Text, Textarea, TextInput, Title,
} from "@mantine/core";
