/* Scripts and shortcuts that fetch or unpack something and run it. Each needs several marks together: one alone is
   ordinary administration. Without `action`, a match is a find; action = "suspicious" only adds to other reasons. */

rule Dropper_WindowsScript
{
  meta:
    description = "a Windows script that downloads or writes a program and starts it"
  strings:
    $host1 = "WScript.Shell" nocase
    $host2 = "Shell.Application" nocase
    $get1 = "MSXML2.XMLHTTP" nocase
    $get2 = "WinHttp.WinHttpRequest" nocase
    $get3 = "MSXML2.ServerXMLHTTP" nocase
    $get4 = "Microsoft.XMLHTTP" nocase
    $put1 = "ADODB.Stream" nocase
    $put2 = "SaveToFile" nocase
    $put3 = "ResponseBody" nocase
    $run1 = /\.Run\s{0,4}[("]/ nocase
    $run2 = /\.Exec\s{0,4}[("]/ nocase
    $run3 = "ShellExecute" nocase
  condition:
    filesize < 5MB and any of ($host*) and any of ($get*) and any of ($put*) and any of ($run*)
}

rule Dropper_PowerShellDownload
{
  meta:
    description = "PowerShell that downloads code and runs it without a file"
  strings:
    $shell = "powershell" nocase ascii wide
    $get1 = "DownloadString" nocase ascii wide
    $get2 = "DownloadFile" nocase ascii wide
    $get3 = "DownloadData" nocase ascii wide
    $get4 = "Invoke-WebRequest" nocase ascii wide
    $get5 = "Start-BitsTransfer" nocase ascii wide
    $get6 = "Invoke-RestMethod" nocase ascii wide
    $run1 = "Invoke-Expression" nocase ascii wide
    $run2 = /\biex[\s(\\&|$]/ nocase ascii wide
    $run3 = "Start-Process" nocase ascii wide
    $hide1 = /-w(indowstyle)?\s{1,4}h(idden)?\b/ nocase ascii wide
    $hide2 = /-e(p|xecutionpolicy)\s{1,4}bypass/ nocase ascii wide
    $hide3 = /-nop(rofile)?\b/ nocase ascii wide
  condition:
    filesize < 5MB and $shell and any of ($get*) and any of ($run*) and any of ($hide*)
}

rule Dropper_PowerShellEncoded
{
  meta:
    description = "a PowerShell command line that hides its command in base64"
  strings:
    $call = /powershell(\.exe)?["']?\s[^\r\n]{0,200}-e(nc|ncodedcommand|c)?\s{1,8}["']?[A-Za-z0-9+\/]{60}/ nocase ascii wide
  condition:
    filesize < 10MB and $call
}

rule Dropper_LivingOffTheLand
{
  meta:
    description = "a program of Windows that is called to fetch or run foreign code"
  strings:
    $mshta = /mshta(\.exe)?["']?\s{1,8}["']?(https?:|javascript:|vbscript:)/ nocase ascii wide
    $regsvr = /regsvr32(\.exe)?["']?\s[^\r\n]{0,120}\/i:["']?https?:/ nocase ascii wide
    $certutil = /certutil(\.exe)?["']?\s[^\r\n]{0,60}-(urlcache|decode)\b[^\r\n]{0,200}(https?:|\.exe)/ nocase ascii wide
    $bits = /bitsadmin(\.exe)?["']?\s[^\r\n]{0,80}\/transfer\b[^\r\n]{0,120}https?:/ nocase ascii wide
    $rundll = /rundll32(\.exe)?["']?\s{1,8}(javascript:|url\.dll,(OpenURL|FileProtocolHandler)|\\\\[^\s\\]{1,80}\\[^\s,]{1,120},)/ nocase ascii wide
    $curl = /cmd(\.exe)?["']?\s{1,8}\/c[^\r\n]{0,80}curl[^\r\n]{0,200}https?:[^\r\n]{0,200}(&|\|)[^\r\n]{0,80}(start|\.exe|\.dll|\.js|\.vbs|\.bat)/ nocase ascii wide
  condition:
    filesize < 10MB and any of them
}

rule Script_Encoded
{
  meta:
    description = "a script in Microsoft's script encoding, which only hides"
  strings:
    $mark = "#@~^"
    $end = "==^#~@"
  condition:
    filesize < 5MB and $mark in (0..4096) and $end
}

rule Script_HeavilyBuilt
{
  meta:
    description = "a script that builds its words from numbers and evaluates them"
    action = "suspicious"
  strings:
    $numbers = /(\d{2,3},\s?){6}\d/
    $build1 = "fromCharCode" nocase
    $build2 = /\bChrW?\s{0,2}\(/ nocase
    $run1 = /\beval\s{0,2}\(/ nocase
    $run2 = "Execute(" nocase
    $run3 = "ExecuteGlobal" nocase
    $run4 = "Function(" nocase
  condition:
    filesize < 5MB and #numbers > 20 and any of ($build*) and any of ($run*)
}
