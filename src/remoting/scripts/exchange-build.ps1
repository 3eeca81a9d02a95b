$ErrorActionPreference = 'Stop'
$setup = Get-Command -Name ExSetup.exe -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
if ($setup) {
    $path = $setup.Definition
} else {
    foreach ($version in 'v15', 'v14') {
        $key = "HKLM:\SOFTWARE\Microsoft\ExchangeServer\$version\Setup"
        if (-not $path -and (Test-Path -Path $key)) {
            $path = Join-Path -Path (Get-ItemProperty -Path $key).MsiInstallPath -ChildPath 'Bin\ExSetup.exe'
        }
    }
}
if ($path) {
    $file = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($path)
    $numbers = $file.FileMajorPart, $file.FileMinorPart, $file.FileBuildPart, $file.FilePrivatePart
    New-Object -TypeName PSObject -Property @{ Server = $env:COMPUTERNAME; Build = $numbers -join '.' }
}
