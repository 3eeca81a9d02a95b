param([string]$Thumbprint)
$ErrorActionPreference = 'Stop'
$certificate = Get-ChildItem -Path Cert:\LocalMachine\My | Where-Object { $_.Thumbprint -eq $Thumbprint } | Select-Object -First 1
if ($certificate) {
    $type = [System.Security.Cryptography.X509Certificates.X509ContentType]::Cert
    New-Object -TypeName PSObject -Property @{ Server = $env:COMPUTERNAME; RawData = $certificate.Export($type) }
}
