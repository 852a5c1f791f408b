{if $error}
<div class="alert alert-warning">{$error|escape}</div>
{else}
<table class="table">
<tr><th>{lang key="status"}</th><td>{$vps.observed|escape}{if $vps.suspended} ({$vps.suspended|escape}){/if}</td></tr>
<tr><th>Host name</th><td>{$vps.hostname|escape}</td></tr>
{foreach $vps.addresses as $one}<tr><th>IPv{$one.family}</th><td>{$one.address|escape}</td></tr>
{/foreach}
<tr><th>vCPU</th><td>{$vps.vcpus}</td></tr>
<tr><th>Memory</th><td>{($vps.memory_bytes / 1048576)|string_format:"%d"} MiB</td></tr>
<tr><th>Disk</th><td>{($vps.disk_bytes / 1073741824)|string_format:"%.1f"} GiB</td></tr>
</table>
{/if}
