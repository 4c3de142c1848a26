"""The options of EWARM's debugger settings (.ewd), tool by tool, with the state that they have in a new project.

The form is described in ``iar_format``. Names, versions and states are those of projects that EWARM 9.40.1 and 9.60.3
saved; tests/data/iar lists them with the projects that they were read from.
"""

from __future__ import annotations

DEBUGGER_TOOLS = r"""
[C-SPY] 2 33
CInput=1 ; CEndian=1 ; CProcessor=1 ; OCVariant=0 ; MacOverride=0 ; MacFile= ; MemOverride=0 ; MemFile= ;
RunToEnable=1 ; RunToName=main ; CExtraOptionsCheck=0 ; CExtraOptions= ; CFpuProcessor=1 ; OCDDFArgumentProducer= ;
OCDownloadSuppressDownload=0 ; OCDownloadVerifyAll=0 ; OCProductVersion= ; OCDynDriverList=ARMSIM_ID ;
OCLastSavedByProductVersion= ; UseFlashLoader=0 ; CLowLevel=1 ; OCBE8Slave=1 ; MacFile2= ; CDevice=1 ;
FlashLoadersV3= ; OCImagesSuppressCheck1=0 ; OCImagesPath1= ; OCImagesSuppressCheck2=0 ; OCImagesPath2= ;
OCImagesSuppressCheck3=0 ; OCImagesPath3= ; OverrideDefFlashBoard=0 ; OCImagesOffset1= ; OCImagesOffset2= ;
OCImagesOffset3= ; OCImagesUse1=0 ; OCImagesUse2=0 ; OCImagesUse3=0 ; OCDeviceConfigMacroFile=1 ;
OCDebuggerExtraOption=1 ; OCAllMTBOptions=1 ; OCMulticoreNrOfCores=1 ; OCMulticoreWorkspace= ;
OCMulticoreSlaveProject= ; OCMulticoreSlaveConfiguration= ; OCDownloadExtraImage=1 ; OCAttachSlave=0 ;
MassEraseBeforeFlashing=0 ; OCMulticoreNrOfCoresSlave=1 ; OCMulticoreAMPConfigType=0 ; OCMulticoreSessionFile= ;
OCTpiuBaseOption=1 ; OCOverrideSlave=0 ; OCOverrideSlavePath= ; C_32_64Device=1 ; AuthEnable=0 ;
AuthSdmSelection=1 ; AuthSdmManifest= ; AuthSdmExplicitLib= ; AuthEnforce=0
[ARMSIM_ID] 2 1
OCSimDriverInfo=1 ; OCSimEnablePSP=0 ; OCSimPspOverrideConfig=0 ; OCSimPspConfigFile=
[CADI_ID] 2 0
CCadiMemory=1 ; Fast Model= ; CCADILogFileCheck=0 ; CCADILogFileEditB=$PROJ_DIR$\cspycomm.log ; OCDriverInfo=1
[CMSISDAP_ID] 2 4
OCDriverInfo=1 ; OCIarProbeScriptFile=1 ; CMSISDAPResetList:1=10 ; CMSISDAPHWResetDuration=300 ;
CMSISDAPHWResetDelay=200 ; CMSISDAPDoLogfile=0 ; CMSISDAPLogFile=$PROJ_DIR$\cspycomm.log ;
CMSISDAPInterfaceRadio=1 ; CMSISDAPInterfaceCmdLine=0 ; CMSISDAPMultiTargetEnable=0 ; CMSISDAPMultiTarget=0 ;
CMSISDAPJtagSpeedList:0=0 ; CMSISDAPBreakpointRadio=0 ; CMSISDAPRestoreBreakpointsCheck=0 ;
CMSISDAPUpdateBreakpointsEdit=_call_main ; RDICatchReset=0 ; RDICatchUndef=1 ; RDICatchSWI=0 ; RDICatchData=1 ;
RDICatchPrefetch=1 ; RDICatchIRQ=0 ; RDICatchFIQ=0 ; CatchCORERESET=0 ; CatchMMERR=1 ; CatchNOCPERR=1 ;
CatchCHKERR=1 ; CatchSTATERR=1 ; CatchBUSERR=1 ; CatchINTERR=1 ; CatchSFERR=1 ; CatchHARDERR=1 ; CatchDummy=0 ;
CMSISDAPMultiCPUEnable=0 ; CMSISDAPMultiCPUNumber=0 ; OCProbeCfgOverride=0 ; OCProbeConfig= ;
CMSISDAPProbeConfigRadio=0 ; CMSISDAPSelectedCPUBehaviour=0 ; ICpuName= ; OCJetEmuParams=1 ;
CCCMSISDAPUsbSerialNo= ; CCCMSISDAPUsbSerialNoSelect=0
[E2_ID] 2 0
E2PowerFromProbe=1 ; CE2UsbSerialNo= ; CE2IdCodeEditB=0xFFFF'FFFF'FFFF'FFFF'FFFF'FFFF'FFFF'FFFF ;
CE2LogFileCheck=0 ; CE2LogFileEditB=$PROJ_DIR$\cspycomm.log ; OCDriverInfo=1
[GDBSERVER_ID] 2 0
OCDriverInfo=1 ; TCPIP=aaa.bbb.ccc.ddd ; DoLogfile=0 ; LogFile=$PROJ_DIR$\cspycomm.log ; CCJTagBreakpointRadio=0 ;
CCJTagDoUpdateBreakpoints=0 ; CCJTagUpdateBreakpoints=_call_main
[IJET_ID] 2 9/10
OCDriverInfo=1 ; OCIarProbeScriptFile=1 ; IjetResetList:1=10 ; IjetHWResetDuration=300 ; IjetHWResetDelay=200 ;
IjetPowerFromProbe=1 ; IjetPowerRadio=0 ; IjetDoLogfile=0 ; IjetLogFile=$PROJ_DIR$\cspycomm.log ;
IjetInterfaceRadio=1 ; IjetInterfaceCmdLine=0 ; IjetMultiTargetEnable=0 ; IjetMultiTarget=0 ;
IjetScanChainNonARMDevices=0 ; IjetIRLength=0 ; IjetJtagSpeedList:0=0 ; IjetProtocolRadio=0 ; IjetSwoPin=0 ;
IjetCpuClockEdit= ; IjetSwoPrescalerList:1=0 ; IjetBreakpointRadio=0 ; IjetRestoreBreakpointsCheck=0 ;
IjetUpdateBreakpointsEdit=_call_main ; RDICatchReset=0 ; RDICatchUndef=1 ; RDICatchSWI=0 ; RDICatchData=1 ;
RDICatchPrefetch=1 ; RDICatchIRQ=0 ; RDICatchFIQ=0 ; CatchCORERESET=0 ; CatchMMERR=1 ; CatchNOCPERR=1 ;
CatchCHKERR=1 ; CatchSTATERR=1 ; CatchBUSERR=1 ; CatchINTERR=1 ; CatchSFERR=1 ; CatchHARDERR=1 ; CatchDummy=0 ;
OCProbeCfgOverride=0 ; OCProbeConfig= ; IjetProbeConfigRadio=0 ; IjetMultiCPUEnable=0 ; IjetMultiCPUNumber=0 ;
IjetSelectedCPUBehaviour=0 ; ICpuName= ; OCJetEmuParams=1 ; IjetPreferETB=1 ; IjetTraceSettingsList:0=0 ;
IjetTraceSizeList:0=4 ; FlashBoardPathSlave=0 ; CCIjetUsbSerialNo= ; CCIjetUsbSerialNoSelect=0 ; CatchV8ARReset=0 ;
CatchV8AREREL1NS=0 ; CatchV8AREREL1S=0 ; CatchV8AREREL2NS=0 ; CatchV8AREREL3S=0 ; CatchV8AREEL1NS=0 ;
CatchV8ARREL1NS=0 ; CatchV8AREEL1S=0 ; CatchV8ARREL1S=0 ; CatchV8AREEL2NS=0 ; CatchV8ARREL2NS=0 ;
CatchV8AREEL3S=0 ; CatchV8ARREL3S=0 ; IjetHWResetTimingOverride@9.60=1
[JLINK_ID] 2 16
JLinkSpeed=1000 ; CCJLinkDoLogfile=0 ; CCJLinkLogFile=$PROJ_DIR$\cspycomm.log ; CCJLinkHWResetDelay=0 ;
OCDriverInfo=1 ; JLinkInitialSpeed=1000 ; CCDoJlinkMultiTarget=0 ; CCScanChainNonARMDevices=0 ;
CCJLinkMultiTarget=0 ; CCJLinkIRLength=0 ; CCJLinkCommRadio=0 ; CCJLinkTCPIP=aaa.bbb.ccc.ddd ;
CCJLinkSpeedRadioV2=0 ; CCUSBDevice:1=1 ; CCRDICatchReset=0 ; CCRDICatchUndef=0 ; CCRDICatchSWI=0 ;
CCRDICatchData=0 ; CCRDICatchPrefetch=0 ; CCRDICatchIRQ=0 ; CCRDICatchFIQ=0 ; CCJLinkBreakpointRadio=0 ;
CCJLinkDoUpdateBreakpoints=0 ; CCJLinkUpdateBreakpoints=_call_main ; CCJLinkInterfaceRadio=1 ;
CCJLinkResetList:6=5 ; CCJLinkInterfaceCmdLine=0 ; CCCatchCORERESET=0 ; CCCatchMMERR=0 ; CCCatchNOCPERR=0 ;
CCCatchCHRERR=0 ; CCCatchSTATERR=0 ; CCCatchBUSERR=0 ; CCCatchINTERR=0 ; CCCatchSFERR=0 ; CCCatchHARDERR=0 ;
CCCatchDummy=0 ; OCJLinkScriptFile=1 ; CCJLinkUsbSerialNo= ; CCTcpIpAlt:0=0 ; CCJLinkTcpIpSerialNo= ;
CCCpuClockEdit= ; CCSwoClockAuto=0 ; CCSwoClockEdit=2000 ; OCJLinkTraceSource=0 ; OCJLinkTraceSourceDummy=0 ;
OCJLinkDeviceName=1
[LMIFTDI_ID] 2 3
OCDriverInfo=1 ; LmiftdiSpeed=500 ; CCLmiftdiDoLogfile=0 ; CCLmiftdiLogFile=$PROJ_DIR$\cspycomm.log ;
CCLmiFtdiInterfaceRadio=1 ; CCLmiFtdiInterfaceCmdLine=0 ; CCLmiftdiUsbSerialNo= ; CCLmiftdiUsbSerialNoSelect=0 ;
CCLmiftdiResetList:0=0
[NULINK_ID] 2 0
OCDriverInfo=1 ; DoLogfile=0 ; LogFile=$PROJ_DIR$\cspycomm.log
[PEMICRO_ID] 2 3
OCDriverInfo=1 ; CCJPEMicroShowSettings=0 ; DoLogfile=0 ; LogFile=$PROJ_DIR$\cspycomm.log
[STLINK_ID] 2 8
OCDriverInfo=1 ; CCSTLinkInterfaceRadio=1 ; CCSTLinkInterfaceCmdLine=0 ; CCSTLinkResetList:3=0 ; CCCpuClockEdit= ;
CCSwoClockAuto=1 ; CCSwoClockEdit=2000 ; DoLogfile=0 ; LogFile=$PROJ_DIR$\cspycomm.log ;
CCSTLinkDoUpdateBreakpoints=0 ; CCSTLinkUpdateBreakpoints=_call_main ; CCSTLinkCatchCORERESET=0 ;
CCSTLinkCatchMMERR=0 ; CCSTLinkCatchNOCPERR=0 ; CCSTLinkCatchCHRERR=0 ; CCSTLinkCatchSTATERR=0 ;
CCSTLinkCatchBUSERR=0 ; CCSTLinkCatchINTERR=0 ; CCSTLinkCatchSFERR=0 ; CCSTLinkCatchHARDERR=0 ;
CCSTLinkCatchDummy=0 ; CCSTLinkUsbSerialNo= ; CCSTLinkUsbSerialNoSelect=0 ; CCSTLinkJtagSpeedList:2=0 ;
CCSTLinkDAPNumber= ; CCSTLinkDebugAccessPortRadio=0 ; CCSTLinkUseServerSelect=0 ; CCSTLinkProbeList:2=0 ;
CCSTLinkTargetVccEnable=1 ; CCSTLinkTargetVoltage=###Uninitialized###
[THIRDPARTY_ID] 2 0
CThirdPartyDriverDll=###Uninitialized### ; CThirdPartyLogFileCheck=0 ;
CThirdPartyLogFileEditB=$PROJ_DIR$\cspycomm.log ; OCDriverInfo=1
[TIFET_ID] 2 1
OCDriverInfo=1 ; CCMSPFetResetList:0=0 ; CCMSPFetInterfaceRadio=0 ; CCMSPFetInterfaceCmdLine=0 ;
CCMSPFetTargetVccTypeDefault=0 ; CCMSPFetTargetVoltage=3.0 ; CCMSPFetVCCDefault=1 ; CCMSPFetTargetSettlingtime=0 ;
CCMSPFetRadioJtagSpeedType=1 ; CCMSPFetConnection:0=0 ; CCMSPFetUsbComPort=Automatic ;
CCMSPFetAllowAccessToBSL=0 ; CCMSPFetDoLogfile=0 ; CCMSPFetLogFile=$PROJ_DIR$\cspycomm.log ;
CCMSPFetRadioEraseFlash=1
[XDS100_ID] 2 9
OCDriverInfo=1 ; TIPackageOverride=0 ; TIPackage= ; BoardFile= ; DoLogfile=0 ; LogFile=$PROJ_DIR$\cspycomm.log ;
CCXds100BreakpointRadio=0 ; CCXds100DoUpdateBreakpoints=0 ; CCXds100UpdateBreakpoints=_call_main ;
CCXds100CatchReset=0 ; CCXds100CatchUndef=0 ; CCXds100CatchSWI=0 ; CCXds100CatchData=0 ; CCXds100CatchPrefetch=0 ;
CCXds100CatchIRQ=0 ; CCXds100CatchFIQ=0 ; CCXds100CatchCORERESET=0 ; CCXds100CatchMMERR=0 ;
CCXds100CatchNOCPERR=0 ; CCXds100CatchCHRERR=0 ; CCXds100CatchSTATERR=0 ; CCXds100CatchBUSERR=0 ;
CCXds100CatchINTERR=0 ; CCXds100CatchSFERR=0 ; CCXds100CatchHARDERR=0 ; CCXds100CatchDummy=0 ;
CCXds100CpuClockEdit= ; CCXds100SwoClockAuto=0 ; CCXds100SwoClockEdit=1000 ; CCXds100HWResetDelay=0 ;
CCXds100ResetList:1=0 ; CCXds100UsbSerialNo= ; CCXds100UsbSerialNoSelect=0 ; CCXds100JtagSpeedList:0=0 ;
CCXds100InterfaceRadio=2 ; CCXds100InterfaceCmdLine=0 ; CCXds100ProbeList:0=3 ; CCXds100SWOPortRadio=0 ;
CCXds100SWOPort=1 ; CCXDSTargetVccEnable=0 ; CCXDSTargetVoltage=###Uninitialized### ;
OCXDSDigitalStatesConfigFile=1 ; OCSelectedCoreName=1
"""
"""The debugger, then its drivers."""

PLUGINS = (
    r"$TOOLKIT_DIR$\plugins\rtos\CMX\CmxArmPlugin.ENU.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\CMX\CmxTinyArmPlugin.ENU.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\embOS\embOSPlugin.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\FreeRtos\FreeRtosArmPlugin.ENU.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\Mbed\MbedArmPlugin.ENU.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\Mbed\MbedArmPlugin2.ENU.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\OpenRTOS\OpenRTOSPlugin.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\SafeRTOS\SafeRTOSPlugin.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\SMX\smxAwareIarArm9.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\SMX\smxAwareIarArm9BE.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\ThreadX\ThreadXArmPlugin.ENU.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\uCOS-II\uCOS-II-286-KA-CSpy.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\uCOS-II\uCOS-II-KA-CSpy.ewplugin",
    r"$TOOLKIT_DIR$\plugins\rtos\uCOS-III\uCOS-III-KA-CSpy.ewplugin",
    r"$EW_DIR$\common\plugins\Orti\Orti.ENU.ewplugin",
    r"$EW_DIR$\common\plugins\TargetAccessServer\TargetAccessServer.ENU.ewplugin",
    r"$EW_DIR$\common\plugins\uCProbe\uCProbePlugin.ENU.ewplugin",
)
"""The debugger's plug-ins that come with EWARM; none is loaded."""
