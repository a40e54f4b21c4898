/* Documents made to run something. What inspectors read properly (macros, actions, embedded files) is not repeated
   here: these look for exploits and for carriers that only attackers use. */

rule Rtf_EquationObject
{
  meta:
    description = "an RTF with an object of the old equation editor, which no living program writes"
  strings:
    $rtf = "{\\rt"
    $class1 = "4571756174696f6e2e33" nocase   // "Equation.3" in hexadecimal
    $class2 = "Equation.3" nocase
    $clsid = "02ce020000000000c000000000000046" nocase
    $object = "\\objdata" nocase
    $update = "\\objupdate" nocase
  condition:
    $rtf in (0..16) and ((any of ($class*) and ($object or $update)) or $clsid)
}

rule OneNote_WithProgram
{
  meta:
    description = "a OneNote section with a program, script or shortcut in it"
  strings:
    $one = { E4 52 5C 7B 8C D8 A7 4D AE B1 53 78 D0 29 96 D3 }
    $file = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
    $program = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] 4D 5A }
    $link = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] 4C 00 00 00 01 14 02 00 }
    $script1 = "<job" nocase
    $script2 = "WScript." nocase
    $script3 = "<HTA:" nocase
    $script4 = "powershell" nocase
    $script5 = "CreateObject(" nocase
    $script6 = "@echo off" nocase
  condition:
    $one at 0 and ($program or $link or ($file and any of ($script*)))
}

rule Shortcut_WithCommand
{
  meta:
    description = "a Windows shortcut that starts a command line and fetches or hides something"
  strings:
    $shell1 = "powershell" nocase ascii wide
    $shell2 = "cmd.exe" nocase ascii wide
    $shell3 = "mshta" nocase ascii wide
    $shell4 = "wscript" nocase ascii wide
    $shell5 = "rundll32" nocase ascii wide
    $shell6 = "forfiles" nocase ascii wide
    $more1 = "http" nocase ascii wide
    $more2 = "-enc" nocase ascii wide
    $more3 = "hidden" nocase ascii wide
    $more4 = "%temp%" nocase ascii wide
    $more5 = "/c " nocase wide
    $more6 = "\\\\" wide
  condition:
    uint32(0) == 0x0000004C and uint32(4) == 0x00021401 and filesize < 5MB and any of ($shell*) and any of ($more*)
}

rule Pdf_StartsProgram
{
  meta:
    description = "a PDF whose opening starts a command line"
  strings:
    $pdf = "%PDF-"
    $launch = /\/Launch\b/
    $shell1 = /\/F\s{0,4}\(\s{0,4}(cmd|powershell|mshta|wscript|rundll32)/ nocase
    $shell2 = /\/P\s{0,4}\([^)]{0,200}(cmd|powershell|mshta|wscript|rundll32)/ nocase
  condition:
    $pdf in (0..1024) and $launch and any of ($shell*)
}

rule Document_ExternalHelp
{
  meta:
    description = "a document that calls the Windows support tool, a way to run code without macros"
  strings:
    $call = /ms-msdt:[^\s"'<>]{0,20}(\/id|-id|PCWDiagnostic)/ nocase ascii wide
    $browse = "IT_BrowseForFile" nocase ascii wide
  condition:
    filesize < 20MB and any of them
}

rule Image_WithShortcutAndLibrary
{
  meta:
    description = "a disk image with a shortcut beside a library or script: the mark of the web is lost on them"
  strings:
    $link = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
    $run1 = "rundll32" nocase ascii wide
    $run2 = "regsvr32" nocase ascii wide
    $run3 = "powershell" nocase ascii wide
    $run4 = "cmd.exe" nocase ascii wide
    $volume = "CD001"
  condition:
    $volume at 32769 and $link and any of ($run*)
}
